# Server and client in one: the small city, ready to walk through.
extends Node

const Options := preload("options.gd")
const SERVER := preload("res://server.tscn")
const CLIENT := preload("res://client.tscn")

var _options: Options
var _server: Node


func _ready() -> void:
	_options = Options.read()
	_server = SERVER.instantiate()
	_server.options = _options
	_server.ends_by_itself = false # the client does
	add_child(_server)
	if _server.server:
		_server.server.started.connect(_on_started)


func _on_started() -> void:
	var client := CLIENT.instantiate()
	_options.addresses = PackedStringArray(["127.0.0.1:%d" % _server.server.get_port()])
	_options.fingerprints = PackedStringArray([_server.server.get_fingerprint()])
	client.options = _options
	client.preset = "small"
	add_child(client)

extends Node
# The main scene of the exported game of test_export.sh: a server and a client in one, once round.

var begun_ms := Time.get_ticks_msec()
var kind := TramlineKind.new()
var server := TramlineServer.new()
var client := TramlineClient.new()
var id := 0


func _ready() -> void:
	kind.kind_name = "cube"
	server.store_uri = "user://world"
	server.server_name = "alpha"
	server.address = "127.0.0.1:0"
	server.kinds = [kind] as Array[TramlineKind]
	server.started.connect(_started)
	add_child(server)
	add_child(client)
	if server.start() != OK:
		get_tree().quit(1)


func _started() -> void:
	id = server.create_entity("cube", server.create_group(), Transform3D(Basis(), Vector3(1, 2, 3)))
	client.addresses = PackedStringArray(["127.0.0.1:%d" % server.get_port()])
	client.fingerprints = PackedStringArray([server.get_fingerprint()])
	client.connect_to_server()


func _process(_delta: float) -> void:
	var there := id != 0 and client.has_entity(id) and client.get_transform(id).origin.distance_to(Vector3(1, 2, 3)) < 0.05
	if there:
		print("debug build: ", OS.is_debug_build(), ", exported: ", OS.has_feature("template"),
				", double precision" if OS.has_feature("double") else ", single precision")
		print("GAME PASSED")
	if there or Time.get_ticks_msec() - begun_ms > 20000:
		get_tree().quit(0 if there else 1)

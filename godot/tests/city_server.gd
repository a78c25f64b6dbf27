extends SceneTree
# A server in a process of its own, which plays what it owns of a scenario:
#
#   --store=DIR --name=NAME --truth=PROGRAM --scenario=NAME --entities=N --ready=FILE --parent=PID
#
# It ends when its parent does, or when the file READY.stop appears: then in order.

const Truth := preload("truth.gd")
const CityPlay := preload("city_play.gd")
const ScenarioKinds := preload("scenario_kinds.gd")

var arguments := {}
var server: TramlineServer
var play: RefCounted
var reported := false
var leaving := false


func _initialize() -> void:
	for argument in OS.get_cmdline_user_args():
		arguments[argument.get_slice("=", 0).trim_prefix("--")] = argument.substr(argument.find("=") + 1)
	Engine.max_fps = 200
	OS.low_processor_usage_mode_sleep_usec = 1000
	_begin.call_deferred()


func _begin() -> void:
	server = TramlineServer.new()
	server.store_uri = "sqlite:" + str(arguments["store"])
	server.server_name = arguments["name"]
	server.address = "127.0.0.1:0"
	server.kinds = ScenarioKinds.all()
	server.entities_max = int(arguments["entities"]) + 4096
	play = CityPlay.new(server, Truth.new(arguments["truth"], arguments["scenario"], 1, int(arguments["entities"])))
	server.failed.connect(_give_up)
	server.fenced.connect(_give_up)
	server.stopped.connect(func() -> void: quit(0))
	root.add_child(server)
	if server.start() != OK:
		_give_up("it does not start")


func _give_up(why: String) -> void:
	print("%s: %s" % [arguments["name"], why])
	quit(1)


func _process(_delta: float) -> bool:
	if not DirAccess.dir_exists_absolute("/proc/%s" % arguments["parent"]):
		quit(1)
	if server and not reported and server.get_state() == TramlineServer.RUNNING:
		reported = true
		_write_ready()
	if server and not leaving and FileAccess.file_exists(str(arguments["ready"]) + ".stop"):
		leaving = true
		server.stop()
	return false


# Under another name first: a process that waits for it finds all of it or nothing.
func _write_ready() -> void:
	var part: String = arguments["ready"] + ".part"
	var file := FileAccess.open(part, FileAccess.WRITE)
	file.store_string(JSON.stringify({"port": server.get_port(), "fingerprint": server.get_fingerprint()}))
	file.close()
	DirAccess.rename_absolute(part, arguments["ready"])

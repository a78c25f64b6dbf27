extends "harness.gd"
# A client's server is killed, and then the next one is stopped in order: the client goes on to another one, and nothing of
# its view leaves meanwhile. Every spawned node is the one that it was. What the client owns is given back to it, also what it
# had at a server that was killed. All are judged by what happens, not by when.

const ScenarioKinds := preload("scenario_kinds.gd")
const ENTITIES := 2000
const WITHIN_S := 60.0
const LOOK_ON_S := 2.0 # whatever leaves has left by then: views settle within this

var store: String
var pids := {}
var ready := {}
var client: TramlineClient
var names: Array[String] = ["alpha", "beta", "gamma"]
var entered := 0
var left := 0
var avatar := 0
var heard: Array = []
var nodes := {} # entity to its node's instance id


func run() -> void:
	store = folder("failover").path_join("store")
	var output := []
	check_equal(OS.execute(arguments["program"], ["city", "--store", store, "--entities", str(ENTITIES), "--quiet"], output, true), 0,
			"tramline city: %s" % [output])
	for server_name in names:
		pids[server_name] = OS.create_process(arguments["program"], ["serve", "--store", store, "--name", server_name, "--listen", "127.0.0.1:0",
				"--ready", _ready_file(server_name), "--seconds", "150", "--quiet"])
	if await _all_ready() and await _join():
		await _end_of("kill -9", "-KILL")
		await _end_of("stop", "-TERM")
	client.disconnect_from_server()
	for pid: int in pids.values():
		OS.kill(pid)


func _ready_file(server_name: String) -> String:
	return store.get_base_dir().path_join(server_name + ".ready")


func _all_ready() -> bool:
	client = TramlineClient.new()
	root.add_child(client)
	var addresses := PackedStringArray()
	var fingerprints := PackedStringArray()
	for server_name in names:
		if not await until(func() -> bool: return FileAccess.file_exists(_ready_file(server_name)), "server %s is ready" % server_name, WITHIN_S):
			return false
		ready[server_name] = JSON.parse_string(FileAccess.get_file_as_string(_ready_file(server_name)))
		addresses.append("127.0.0.1:%d" % int(ready[server_name]["port"]))
		fingerprints.append(ready[server_name]["fingerprint"])
	client.addresses = addresses
	client.fingerprints = fingerprints
	return true


# Every other kind is spawned as a TramlineEntity, the rest as nodes that the client moves itself.
func _scene(number: int) -> PackedScene:
	var node: Node3D = TramlineEntity.new() if number % 2 == 0 else Node3D.new()
	var scene := PackedScene.new()
	scene.pack(node)
	node.free()
	return scene


func _join() -> bool:
	var kinds := ScenarioKinds.all()
	for number in kinds.size():
		kinds[number].scene = _scene(number)
	client.kinds = kinds
	client.entity_entered.connect(func(_id: int, _kind: String) -> void: entered += 1)
	client.entity_left.connect(func(_id: int) -> void: left += 1)
	client.observe_point(0, 2, 0)
	if not await connect_client(client):
		return false
	var whole := await until(func() -> bool: return client.get_entities().size() == ENTITIES, "all entities are in view", WITHIN_S)
	await _create_avatar()
	await seconds(LOOK_ON_S)
	for id in client.get_entities():
		nodes[id] = client.get_node_of(id)
	check_equal(nodes.values().filter(func(node: int) -> bool: return is_instance_id_valid(node)).size(), ENTITIES + 1, "each has its node")
	return whole


func _create_avatar() -> void:
	client.own_entity_given_back.connect(func(id: int, kind: String) -> void: heard.append(["given back", id, kind]))
	client.own_entity_lost.connect(func(id: int) -> void: heard.append(["lost", id]))
	client.disconnected.connect(func(reason: String) -> void: heard.append(["disconnected", reason]))
	client.request_answered.connect(func(_request: int, result: int, id: int) -> void: avatar = id if result == OK else -1)
	client.request_create("avatar", Transform3D(Basis(), Vector3(0, 0, 2)))
	await until(func() -> bool: return avatar != 0 and client.has_entity(avatar), "its avatar is in view", WITHIN_S)
	process_frame.connect(func() -> void:
		if client.get_state() != TramlineClient.DISCONNECTED:
			client.set_own_entity(avatar, Transform3D(Basis(), Vector3(fmod(Time.get_ticks_msec() * 0.001, 5.0), 0, 2))))


func _server_of_client() -> String:
	for number in names.size():
		if client.addresses[number] == client.get_address():
			return names[number]
	return ""


func _end_of(what: String, with: String) -> void:
	var ended := _server_of_client()
	entered = 0
	left = 0
	heard.clear()
	OS.execute("kill", [with, str(pids[ended])])
	await until(func() -> bool: return client.get_state() == TramlineClient.LIVE and _server_of_client() != ended, "%s: the client is live on another server" % what,
			WITHIN_S)
	var tick := client.get_frame_tick()
	await until(func() -> bool: return client.get_frame_tick() > tick + 5, "%s: new frames are shown" % what, WITHIN_S)
	await until(func() -> bool: return not heard.is_empty(), "%s: the server says what is the client's" % what, WITHIN_S)
	await seconds(LOOK_ON_S)
	check_equal(heard, [["given back", avatar, "avatar"]], "%s: what was heard" % what)
	check_equal(left, 0, "%s: entities that left" % what)
	check_equal(entered, 0, "%s: entities that entered" % what)
	check_equal(client.get_entities().size(), ENTITIES + 1, "%s: entities in view" % what)
	var same := 0
	for id: int in nodes:
		same += int(client.get_node_of(id) == nodes[id] and is_instance_id_valid(nodes[id]) and not instance_from_id(nodes[id]).is_queued_for_deletion())
	check_equal(same, ENTITIES + 1, "%s: nodes that are still the same" % what)

extends SceneTree
# The same with Tramline: the server sets all transforms in one call a tick; on the client each entity is a node, made by
# its kind's scene (tramline_multimesh.gd: an instance of a MultiMesh instead).
#
#   godot --headless --path . --script tramline.gd -- server|client PORT ENTITIES [FINGERPRINT]

const Motion := preload("motion.gd")
const TICK_HZ := 20
const WINDOW_S := 8.0 # the processor and the bytes are measured
const COUNT_S := 4.0 # then, apart from that, places are compared
const REST_S := 3.0 # then everybody stands still, and is compared
const TOLERANCE_M := 0.02 # within 20 m of the point that is looked from; 1 mrad of the distance beyond

var entity_count := 0
var is_server := false
var nodes := true
var server: TramlineServer
var client: TramlineClient
var ids := PackedInt64Array()
var tick_times := PackedFloat64Array()
var game_us := 0
var resting := false
var client_number := 0
var rest_time_s := -1.0
var phase := "joining"
var phase_end_s := 0.0
var compared := 0
var within := 0
var compared_tick := 0
var mesh: MultiMesh


func _initialize() -> void:
	var arguments := OS.get_cmdline_user_args()
	is_server = arguments[0] == "server"
	entity_count = int(arguments[2])
	Engine.max_fps = 60
	_begin.call_deferred(arguments)


func _begin(arguments: PackedStringArray) -> void:
	var kind := TramlineKind.new()
	kind.kind_name = "entity"
	if is_server:
		server = TramlineServer.new()
		server.store_uri = "sqlite:" + ProjectSettings.globalize_path("res://store-%d" % OS.get_process_id())
		server.server_name = "bench"
		server.address = "127.0.0.1:" + arguments[1]
		server.tick_hz = TICK_HZ
		server.kinds = [kind] as Array[TramlineKind]
		server.started.connect(_started)
		server.tick.connect(_tick)
		server.message_received.connect(_rest)
		server.failed.connect(func(why: String) -> void: print("@failed ", why))
		root.add_child(server)
		server.start()
		return
	kind.scene = _scene(kind) if nodes else null
	client = TramlineClient.new()
	client.addresses = ["127.0.0.1:" + arguments[1]] as PackedStringArray
	client.fingerprints = [arguments[3]] as PackedStringArray
	client.kinds = [kind] as Array[TramlineKind]
	client.message_received.connect(func(data: PackedByteArray) -> void: rest_time_s = data.decode_double(0))
	root.add_child(client)
	client.spawn_path = NodePath("..")
	client.observe_point(0, 0, 0)
	client.connect_to_server()
	mesh = MultiMesh.new()
	mesh.transform_format = MultiMesh.TRANSFORM_3D
	mesh.custom_aabb = AABB(Vector3(-600, -10, -600), Vector3(1200, 20, 1200))
	mesh.instance_count = entity_count


func _rest(number: int, _data: PackedByteArray) -> void:
	resting = true
	client_number = number


func _scene(kind: TramlineKind) -> PackedScene:
	var node := TramlineEntity.new()
	node.kind = kind
	var scene := PackedScene.new()
	scene.pack(node)
	node.free()
	return scene


func _started() -> void:
	var transforms := PackedFloat64Array()
	for index in entity_count:
		transforms.append_array(_numbers(index, 0.0))
	for first in range(0, entity_count, 250):
		var some := transforms.slice(7 * first, 7 * mini(first + 250, entity_count))
		ids.append_array(server.create_entities("entity", server.create_group(), PackedInt64Array(), some))
	print("@listening ", server.get_fingerprint())


func _numbers(index: int, time_s: float) -> PackedFloat64Array:
	var transform := Motion.place(index, time_s)
	var turn := transform.basis.get_rotation_quaternion()
	return PackedFloat64Array([transform.origin.x, transform.origin.y, transform.origin.z, turn.x, turn.y, turn.z, turn.w])


func _tick(_number: int, time_s: float) -> void:
	if resting:
		if rest_time_s < 0.0:
			rest_time_s = time_s
			print("@ticks ", JSON.stringify({"times": Array(tick_times), "game_us": game_us}))
		_set_all(rest_time_s) # as a game that goes on: everybody stands where it stood
		var bytes := PackedByteArray()
		bytes.resize(8)
		bytes.encode_double(0, rest_time_s)
		server.send_message(client_number, bytes)
		return
	tick_times.append(Time.get_unix_time_from_system())
	_set_all(time_s)


func _set_all(time_s: float) -> void:
	var begun_us := Motion.cpu_us()
	var transforms := PackedFloat64Array()
	transforms.resize(7 * ids.size())
	var at := 0
	for index in ids.size():
		var transform := Motion.place(index, time_s)
		var turn := transform.basis.get_rotation_quaternion()
		transforms[at] = transform.origin.x
		transforms[at + 1] = transform.origin.y
		transforms[at + 2] = transform.origin.z
		transforms[at + 3] = turn.x
		transforms[at + 4] = turn.y
		transforms[at + 5] = turn.z
		transforms[at + 6] = turn.w
		at += 7
	game_us += Motion.cpu_us() - begun_us
	server.set_transforms(ids, transforms)


func _process(_delta: float) -> bool:
	if client == null:
		return false
	if not nodes:
		client.fill_multimesh(mesh, "entity", Vector3.ZERO)
	if phase != "joining" or client.get_entities().size() == entity_count:
		_client_phase(Time.get_unix_time_from_system())
	return false


func _client_phase(now_s: float) -> void:
	if phase == "counting" and client.get_frame_tick() >= compared_tick + TICK_HZ / 2:
		compared_tick = client.get_frame_tick()
		within += _compare(client.get_transforms_at(compared_tick, false), float(compared_tick) / TICK_HZ)
		compared += entity_count
	if now_s < phase_end_s:
		return
	match phase:
		"joining":
			_enter("settling", now_s + 2.0)
		"settling":
			print("@window begins")
			_enter("window", now_s + WINDOW_S)
		"window":
			print("@window ends")
			print("@count ", JSON.stringify({"from": now_s}))
			_enter("counting", now_s + COUNT_S)
		"counting":
			print("@counted ", JSON.stringify({"to": now_s, "share": float(within) / maxi(compared, 1)}))
			client.send_message("rest".to_utf8_buffer())
			_enter("resting", now_s + REST_S)
		"resting":
			var in_step := _compare(client.get_transforms_at(client.get_frame_tick(), false), rest_time_s) if rest_time_s >= 0.0 else 0
			print("@result ", JSON.stringify({"in_step": in_step}))
			quit()


func _enter(next: String, until_s: float) -> void:
	phase = next
	phase_end_s = until_s


# How many are where they should be. Ids are made one after another: in their order they are the server's indices.
func _compare(view: Dictionary, time_s: float) -> int:
	if view["ids"].size() != entity_count:
		return 0
	var in_order := PackedInt64Array(view["ids"])
	in_order.sort()
	var right := 0
	for at in entity_count:
		var place := Vector3(view["transforms"][7 * at], view["transforms"][7 * at + 1], view["transforms"][7 * at + 2])
		var should := Motion.place(in_order.bsearch(view["ids"][at]), time_s).origin
		right += int(place.distance_to(should) <= TOLERANCE_M * maxf(should.length() / 20.0, 1.0))
	return right

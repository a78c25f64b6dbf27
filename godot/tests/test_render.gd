extends "harness.gd"
# What is rendered is where things are: nodes that are TramlineEntity, plain nodes that the client moves, and MultiMeshes, all
# on circles, compared with the truth of the very time that is shown. Only frames whose time the client knows, of ticks that
# the server has made one after another, are judged: so a busy machine makes the test longer, not red.

const SAMPLES := 240 # of each circle
const WITHIN_S := 120.0
const OFF_M_MAX := 0.02 # 95 of 100 frames
const EXCESS_M_MAX := 0.005 # a frame's motion over the true one, 95 of 100 frames
const RADII: PackedFloat64Array = [1, 5, 20, 2, 10]
const ACCELERATIONS: PackedFloat64Array = [2, 5, 1, 5, 2]
const KINDS: PackedStringArray = ["entity", "plain"] # how it is shown as a node

var server: TramlineServer
var client: TramlineClient
var ids := {} # of each kind, one for each circle
var ticks := {} # that were made
var meshes := {}
var errors := {} # by how it is shown, and circle
var excesses := {}
var before := {}


func run() -> void:
	Engine.max_fps = 60
	OS.low_processor_usage_mode_sleep_usec = 1000
	var kinds: Array[TramlineKind] = []
	for kind_name in KINDS:
		kinds.append(new_kind(kind_name))
		kinds[-1].scene = _scene(kind_name)
	server = new_server(folder("store"), kinds)
	if not await start(server):
		return
	var group := server.create_group()
	for kind_name in KINDS:
		ids[kind_name] = server.create_entities(kind_name, group, PackedInt64Array(), _transforms(server.get_time_s()))
		meshes[kind_name] = _multimesh()
	server.tick.connect(_tick)
	client = new_client(server)
	if not await connect_client(client):
		return
	await until(func() -> bool: return Array(KINDS).all(_has_nodes), "all are spawned", WITHIN_S)
	await seconds(1.0)
	await until(_sampled, "enough frames have been judged", WITHIN_S)
	_judge()


func _scene(kind_name: String) -> PackedScene:
	var node: Node3D = TramlineEntity.new() if kind_name == "entity" else Node3D.new()
	var scene := PackedScene.new()
	check_equal(scene.pack(node), OK, "pack()")
	node.free()
	return scene


func _multimesh() -> MultiMesh:
	var mesh := MultiMesh.new()
	mesh.transform_format = MultiMesh.TRANSFORM_3D
	return mesh


func _has_nodes(kind_name: String) -> bool:
	return Array(ids[kind_name]).all(func(id: int) -> bool: return client.get_node_of(id) != 0)


func _place(circle: int, time_s: float) -> Vector3:
	var angle := sqrt(ACCELERATIONS[circle] / RADII[circle]) * time_s
	return Vector3(RADII[circle] * cos(angle), 0, RADII[circle] * sin(angle))


func _transforms(time_s: float) -> PackedFloat64Array:
	var all := PackedFloat64Array()
	for circle in RADII.size():
		var place := _place(circle, time_s)
		all.append_array(PackedFloat64Array([place.x, place.y, place.z, 0, 0, 0, 1]))
	return all


func _tick(tick: int, time_s: float) -> void:
	ticks[tick] = true
	for kind_name in KINDS:
		server.set_transforms(ids[kind_name], _transforms(time_s))


# Whether what is shown at a time is known, and the server was not late for it.
func _is_known(tick: float) -> bool:
	if tick > client.get_frame_tick():
		return false
	for made in range(int(tick) - 6, int(tick) + 2):
		if not ticks.has(made):
			return false
	return true


# After the client's step of this frame.
func _sampled() -> bool:
	var tick := client.get_display_tick()
	var known := _is_known(tick)
	for kind_name in KINDS:
		var count := client.fill_multimesh(meshes[kind_name], kind_name)
		var buffer: PackedFloat32Array = meshes[kind_name].buffer
		var of_kind := Array(client.get_entities()).filter(func(id: int) -> bool: return ids[kind_name].has(id))
		for circle in RADII.size():
			var id: int = ids[kind_name][circle]
			var node := instance_from_id(client.get_node_of(id)) as Node3D
			_note("%s node" % kind_name, circle, node.global_position, tick, known)
			if count == of_kind.size():
				var at := 12 * of_kind.find(id)
				_note("%s MultiMesh" % kind_name, circle, Vector3(buffer[at + 3], buffer[at + 7], buffer[at + 11]), tick, known)
	return errors.size() == 4 * RADII.size() and errors.values().all(func(of: PackedFloat64Array) -> bool: return of.size() >= SAMPLES)


func _note(what: String, circle: int, shown: Vector3, tick: float, known: bool) -> void:
	var key := "%s, radius %.0f m at %.0f m/s²" % [what, RADII[circle], ACCELERATIONS[circle]]
	var should := _place(circle, tick / client.get_tick_hz())
	if known:
		_append(errors, key, shown.distance_to(should))
	if known and before.get(key, [false])[0]:
		_append(excesses, key, shown.distance_to(before[key][1]) - should.distance_to(before[key][2]))
	before[key] = [known, shown, should]


func _append(to: Dictionary, key: String, value: float) -> void:
	var all: PackedFloat64Array = to.get(key, PackedFloat64Array())
	all.append(value)
	to[key] = all


func _at_share(of: PackedFloat64Array, share: float) -> float:
	var sorted := of.duplicate()
	sorted.sort()
	return sorted[int(share * (sorted.size() - 1))]


func _judge() -> void:
	for key: String in errors:
		var off := _at_share(errors[key], 0.95)
		var excess := _at_share(excesses[key], 0.95)
		print("%s: off %.4f m, at most %.4f; a frame goes too far by %.4f m, at most %.4f" % [key, off, _at_share(errors[key], 1.0), excess, _at_share(excesses[key], 1.0)])
		check(off <= OFF_M_MAX, "%s: off %.4f m" % [key, off])
		check(excess <= EXCESS_M_MAX, "%s: a frame goes too far by %.4f m" % [key, excess])

extends "harness.gd"
# 10'000 km from the origin, where a single-precision float is off by a metre: places keep to the millimetre, in a build
# with doubles as they are, in one without through the floating origin.

const FAR := [10000000.0, 0.0, -10000000.0]
const SPEED_MPS := 12.0
const MILLIMETRE := 0.001

var server: TramlineServer
var client: TramlineClient
var ids := PackedInt64Array()
var begun_s := 0.0


func run() -> void:
	Engine.max_fps = 200
	OS.low_processor_usage_mode_sleep_usec = 1000
	var kind := new_kind("probe")
	kind.fields = [new_field("position", TramlineField.POSITION, TramlineField.LINEAR, 0.0004)] as Array[TramlineField]
	server = new_server(folder("store"), [kind])
	if not await start(server):
		return
	client = new_client(server)
	if not await connect_client(client):
		return
	client.observe_point(FAR[0], FAR[1], FAR[2])
	client.set_origin(FAR[0], FAR[1], FAR[2])
	check_equal(client.get_origin(), PackedFloat64Array(FAR), "the origin")
	begun_s = server.get_time_s()
	ids = server.create_entities("probe", server.create_group(), PackedInt64Array(), _transforms(begun_s))
	server.tick.connect(func(_tick: int, time_s: float) -> void: server.set_transforms(ids, _transforms(time_s)))
	await until(func() -> bool: return client.get_entities().size() == ids.size(), "the client sees all")
	await seconds(1.0)
	await _places()
	await _motion()


# Some dozen, apart by what a float cannot tell there; they go along x, at a steady speed.
func _transforms(time_s: float) -> PackedFloat64Array:
	var transforms := PackedFloat64Array()
	for index in 24:
		transforms.append_array(PackedFloat64Array([FAR[0] + 0.123 * index + SPEED_MPS * (time_s - begun_s), 0.011 * index, FAR[2] + 0.037 * index, 0, 0, 0, 1]))
	return transforms


func _places() -> void:
	for _round in 20:
		await seconds(0.05)
		var tick := client.get_frame_tick()
		var view: Dictionary = client.get_transforms_at(tick, false)
		var should := _transforms(float(tick) / client.get_tick_hz())
		var worst := 0.0
		check_equal(view["ids"].size(), ids.size(), "entities in the view")
		for index in view["ids"].size():
			var other := ids.find(view["ids"][index])
			for axis in 3:
				worst = maxf(worst, absf(view["transforms"][7 * index + axis] - should[7 * other + axis]))
		check(worst <= MILLIMETRE, "places are right to the millimetre: %.5f m" % worst)
	if OS.has_feature("double"):
		var id := ids[5]
		var transform := client.get_transform(id)
		var all := client.get_transforms(PackedInt64Array([id]))
		check(absf(transform.origin.z - (FAR[2] + 0.037 * 5)) <= MILLIMETRE, "a Transform3D is, too, with doubles")
		check(absf(all[2] - (FAR[2] + 0.037 * 5)) <= MILLIMETRE, "and what is read in bulk")


# As a display reads it, frame by frame: relative to the origin, it goes on evenly.
func _motion() -> void:
	var mesh := MultiMesh.new()
	mesh.transform_format = MultiMesh.TRANSFORM_3D
	mesh.instance_count = 64
	var before := PackedFloat64Array() # of the last frame: display's time in seconds, place of the first instance
	var worst := 0.0
	var frames := 0
	var end_ms := Time.get_ticks_msec() + 3000
	while Time.get_ticks_msec() < end_ms:
		await process_frame
		check_equal(client.fill_multimesh(mesh, "probe", Vector3.ZERO), ids.size(), "instances")
		var time_s := client.get_display_tick() / client.get_tick_hz()
		var buffer := mesh.buffer # rows of the basis, each with its part of the origin behind
		var x := buffer[3]
		if before:
			worst = maxf(worst, absf((x - before[1]) - SPEED_MPS * (time_s - before[0])))
			frames += 1
		before = PackedFloat64Array([time_s, x])
	print("%d frames, worst step %.5f m from an even one" % [frames, worst])
	check(frames > 30, "enough frames")
	check(worst < 5.0 * MILLIMETRE, "what is shown goes on evenly: %.5f m" % worst)

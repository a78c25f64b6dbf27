extends "harness.gd"
# What the city of 100'000 entities costs a server and a client in Godot, in one process: figures for docs/GODOT.md, in
# processor time of the main thread. Only absurd ones fail, since a busy machine would make the test unsteady.

const Truth := preload("truth.gd")
const CityPlay := preload("city_play.gd")
const ScenarioKinds := preload("scenario_kinds.gd")
const ENTITIES := 100000
const KINDS: PackedStringArray = ["walker", "car", "thing", "tram", "cabin"]
const SECONDS := 10.0


# Looks at the clock after the nodes whose priority is below its own.
class Probe:
	extends Node
	var callback: Callable

	func _process(_delta: float) -> void:
		callback.call()


var server: TramlineServer
var client: TramlineClient
var meshes: Array[MultiMesh] = []
var measuring := false
var tick_begun_us := -1
var frame_begun_us := 0
var tick_us := PackedInt64Array()
var step_us := PackedInt64Array() # the client's step
var fill_us := PackedInt64Array()


func run() -> void:
	Engine.max_fps = 60
	var store := folder("ride").path_join("store")
	check_equal(OS.execute(arguments["program"], ["city", "--store", store, "--entities", str(ENTITIES), "--quiet"]), 0, "tramline city")
	var truth := Truth.new(arguments["truth"], "city", 1, ENTITIES)
	server = new_server(store, ScenarioKinds.all())
	server.entities_max = ENTITIES + 4096
	server.kbit_s = 20000
	var play := CityPlay.new(server, truth)
	play.before_set = func() -> void: tick_begun_us = _cpu_us()
	if not await start(server):
		return
	var rider: Dictionary = truth.ride(0)
	client = new_client(server)
	client.kbit_s = 20000
	client.process_priority = 2
	client.observe_entity(rider["cabin"])
	if not await connect_client(client):
		return
	await until(func() -> bool: return client.get_entities().size() == ENTITIES, "the client sees all of them", 60.0)
	for kind in KINDS.size():
		var mesh := MultiMesh.new()
		mesh.transform_format = MultiMesh.TRANSFORM_3D
		mesh.custom_aabb = AABB(Vector3(-3000, -100, -3000), Vector3(6000, 200, 6000))
		mesh.instance_count = ENTITIES
		meshes.append(mesh)
	_probe(1, _server_is_done)
	_probe(3, _client_is_done)
	await seconds(2.0)
	measuring = true
	await seconds(SECONDS)
	measuring = false
	_report(server.get_stats(), client.get_stats())
	truth.close()


func _probe(priority: int, callback: Callable) -> void:
	var probe := Probe.new()
	probe.callback = callback
	probe.process_priority = priority
	root.add_child(probe)


# Processor time of this thread.
func _cpu_us() -> int:
	return int(FileAccess.open("/proc/thread-self/schedstat", FileAccess.READ).get_line().get_slice(" ", 0)) / 1000


func _server_is_done() -> void:
	if measuring and tick_begun_us >= 0:
		tick_us.append(_cpu_us() - tick_begun_us)
	tick_begun_us = -1
	frame_begun_us = _cpu_us()


func _client_is_done() -> void:
	var stepped_us := _cpu_us()
	var filled := client.update_multimeshes(meshes, KINDS)
	if not measuring:
		return
	step_us.append(stepped_us - frame_begun_us)
	fill_us.append(_cpu_us() - stepped_us)
	var all := 0
	for count in filled:
		all += count
	if all < ENTITIES:
		check(false, "%d of %d entities are in the MultiMeshes" % [all, ENTITIES])


func _text(times: PackedInt64Array) -> String:
	var sorted := times.duplicate()
	sorted.sort()
	var sum := 0
	for time in sorted:
		sum += time
	return "mean %.2f ms, median %.2f, p99 %.2f (%d times)" % [sum / 1000.0 / sorted.size(), sorted[sorted.size() / 2] / 1000.0,
			sorted[sorted.size() * 99 / 100] / 1000.0, sorted.size()]


func _report(server_stats: Dictionary, client_stats: Dictionary) -> void:
	if not check(tick_us.size() > 50 and fill_us.size() > 100, "there is something to tell: %d ticks, %d frames" % [tick_us.size(), fill_us.size()]):
		return
	var frame_us := PackedInt64Array()
	for index in fill_us.size():
		frame_us.append(step_us[index] + fill_us[index])
	print("FIGURE server, 100'000 transforms set and the tick made: ", _text(tick_us))
	print("FIGURE client, frames applied: ", _text(step_us))
	print("FIGURE client, MultiMeshes of 100'000 filled: ", _text(fill_us))
	print("FIGURE client, both, a displayed frame: ", _text(frame_us))
	print("FIGURE client, memory: %.1f MB; %d kbit/s" % [client_stats["memory_used_bytes"] / 1e6, client_stats["kbit_s"]])
	frame_us.sort()
	tick_us.sort()
	check(frame_us[frame_us.size() / 2] < 40000, "a displayed frame takes less than 40 ms of processor time")
	check(tick_us[tick_us.size() / 2] < 100000, "a tick takes less than 100 ms of processor time")
	check(client_stats["memory_used_bytes"] <= 100e6, "a client needs at most 100 MB: %.1f" % (client_stats["memory_used_bytes"] / 1e6))

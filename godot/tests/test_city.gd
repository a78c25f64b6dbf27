extends "harness.gd"
# The city loop of 10'000 entities on three servers that share one store: two in Godot, each in a process of its own, and
# one `tramline serve`. A client rides with each, in a cabin, and everything that it sees is compared with the truth. One
# walks to another cabin and gets off, which the others see. Then one of Godot's servers is killed, its client goes on to
# another one, and all is right again; the rest end in order.
#
# The scenario is "city" or, with --scenario=far, the same city 10'000 km from the origin.

const Truth := preload("truth.gd")
const ViewCheck := preload("view_check.gd")
const ScenarioKinds := preload("scenario_kinds.gd")
const ReadOut := preload("read_out.gd")
const ENTITIES := 10000
const RIDE_S := 12.0
# Of places, off by more than is allowed, or than twice that: where the machine is busy a server comes late, and skips ticks.
const OVER_SHARE_MAX := 0.001
const OVER_TWICE_SHARE_MAX := 0.0001
const CONNECTED_WITHIN_S := 6.0 # a client of a killed server is live on another one
const OWNER_WITHIN_S := 3.0 # a dead server's groups have a living owner
const RIGHT_WITHIN_S := 2.0 # then every view is right again
const SHOWN_S := 3.0
const SHOWN_OFF_M_MAX := 0.001 # what is shown, from what the library's view says in doubles
const SHOWN_STEP_M_MAX := 0.0005 # the same, from one displayed frame to the next

var scenario := "city"
var store: String
var truth: RefCounted
var pids := {} # of the servers, by name
var ready := {} # what they said
var clients: Array[TramlineClient] = []
var views: Array = []


func run() -> void:
	Engine.max_fps = 200
	OS.low_processor_usage_mode_sleep_usec = 1000
	scenario = arguments.get("scenario", scenario)
	store = folder("ride").path_join("store")
	var output := []
	check_equal(OS.execute(arguments["program"], ["city", "--store", store, "--scenario", scenario, "--entities", str(ENTITIES), "--quiet"],
			output, true), 0, "tramline city: %s" % [output])
	truth = Truth.new(arguments["truth"], scenario, 1, ENTITIES)
	_start_godot("alpha")
	_start_godot("beta")
	_start_serve("gamma")
	for name: String in ["alpha", "beta", "gamma"]:
		if not await _read_ready(name):
			_kill_all()
			return
	for number in 3:
		_start_client(number)
	await _ride()
	await _shown()
	await _walk()
	await _kill()
	await _end()
	_kill_all()


func _start_godot(name: String) -> void:
	pids[name] = OS.create_process(OS.get_executable_path(), ["--headless", "--path", ProjectSettings.globalize_path("res://"),
			"--script", "res://city_server.gd", "--", "--store=" + store, "--name=" + name, "--truth=" + str(arguments["truth"]),
			"--scenario=" + scenario, "--entities=%d" % ENTITIES, "--ready=" + _ready_file(name), "--parent=%d" % OS.get_process_id()])


func _start_serve(name: String) -> void:
	pids[name] = OS.create_process(arguments["program"], ["serve", "--store", store, "--name", name, "--listen", "127.0.0.1:0",
			"--ready", _ready_file(name), "--seconds", "150", "--quiet"])


func _ready_file(name: String) -> String:
	return store.get_base_dir().path_join(name + ".ready")


func _read_ready(name: String) -> bool:
	var here := await until(func() -> bool: return FileAccess.file_exists(_ready_file(name)), "server %s is ready" % name, 30.0)
	if here:
		ready[name] = JSON.parse_string(FileAccess.get_file_as_string(_ready_file(name)))
	return here


# Each with a server of its own first, and the others after it.
func _start_client(number: int) -> void:
	var names := ["alpha", "beta", "gamma"]
	var client := TramlineClient.new()
	var addresses := PackedStringArray()
	var fingerprints := PackedStringArray()
	for place in 3:
		var server: Dictionary = ready[names[(number + place) % 3]]
		addresses.append("127.0.0.1:%d" % int(server["port"]))
		fingerprints.append(server["fingerprint"])
	client.addresses = addresses
	client.fingerprints = fingerprints
	root.add_child(client)
	var view := ViewCheck.new(client, truth, number)
	check_equal(client.connect_to_server(), OK, "connect_to_server()")
	if view.rider["cabin"] != 0:
		client.observe_entity(view.rider["cabin"])
	else:
		client.observe_point(view.rider["seat"][0], view.rider["seat"][1], view.rider["seat"][2])
	clients.append(client)
	views.append(view)


# Until every view is as it should be.
func _right(timeout_s: float, what: String) -> void:
	for view: RefCounted in views:
		view.last_ok = false
	await until(_all_right, what, timeout_s)
	for view: RefCounted in views:
		view.sums_reset()


func _all_right() -> bool:
	_compare_one(views.filter(func(view: RefCounted) -> bool: return not view.last_ok))
	return views.all(func(view: RefCounted) -> bool: return view.last_ok)


# The one that was compared least of those that have something new: comparing takes some ms, and one a frame is enough.
func _compare_one(of_them: Array) -> void:
	var due := of_them.filter(func(view: RefCounted) -> bool: return view.is_due())
	due.sort_custom(func(a: RefCounted, b: RefCounted) -> bool: return a.checks < b.checks)
	if due:
		due[0].step()


# For so long, and on a slow machine until each was compared.
func _compare_for(duration_s: float) -> void:
	var begun_ms := Time.get_ticks_msec()
	while Time.get_ticks_msec() < begun_ms + int(1000.0 * duration_s) or (
			views.any(func(view: RefCounted) -> bool: return view.checks < 5) and Time.get_ticks_msec() < begun_ms + 20000):
		_compare_one(views)
		await process_frame


func _judge(what: String) -> void:
	for number in views.size():
		var view: RefCounted = views[number]
		print("%s, client %d: %s" % [what, number, view.text()])
		check(view.checks >= 5, "%s: client %d was compared at least 5 times" % [what, number])
		check_equal(view.last_visible, ENTITIES, "%s: entities in the view of client %d" % [what, number])
		check_equal(view.missing + view.surplus + view.doubled + view.wrong, 0, "%s: client %d has none missing, left over, doubled or in a wrong frame" % [what, number])
		check(view.over <= OVER_SHARE_MAX * view.places, "%s: client %d sees everything within its tolerance" % [what, number])
		check_equal(view.always_over(), [], "%s: entities that client %d never saw within their tolerance" % [what, number])
		check(view.over_twice <= OVER_TWICE_SHARE_MAX * view.places, "%s: client %d sees nothing off by more than twice its tolerance" % [what, number])


func _ride() -> void:
	await _right(20.0, "all entities are in every view")
	await seconds(3.0) # groups change hands: servers even out what they own
	await _right(10.0, "all is right after that")
	await _compare_for(RIDE_S)
	_judge("ride")
	for number in 3:
		var stats: Dictionary = clients[number].get_stats()
		print("client %d: %d kbit/s, latency %.1f ms, clock error %.2f ms" % [number, stats["kbit_s"], stats["latency_ms"], stats["clock_error_ms"]])


# All of the city, as a display reads it: no further from the view than a float is that is near, wherever the city lies.
func _shown() -> void:
	var far := 10000000.0 if scenario == "far" else 0.0
	var shown := ReadOut.new(clients[0], PackedFloat64Array([far, 0.0, -far]))
	await process_frame
	var end_ms := Time.get_ticks_msec() + int(1000.0 * SHOWN_S)
	while Time.get_ticks_msec() < end_ms or shown.frames < 5:
		await process_frame
		shown.step()
	shown.close()
	print("shown: ", shown.text())
	check_equal(shown.faults, [], "what is shown of each kind")
	check(shown.places >= 5 * ENTITIES and shown.node_places >= 5 * ReadOut.NODES, "enough was compared")
	check(shown.worst_m <= SHOWN_OFF_M_MAX, "MultiMeshes show everything to the millimetre: %.5f m off" % shown.worst_m)
	check(shown.worst_step_m <= SHOWN_STEP_M_MAX, "nothing in them jitters: %.5f m" % shown.worst_step_m)
	check(shown.worst_node_m <= SHOWN_OFF_M_MAX, "nodes show their entities to the millimetre: %.5f m off" % shown.worst_node_m)
	check(shown.worst_node_step_m <= SHOWN_STEP_M_MAX, "none of them jitters: %.5f m" % shown.worst_node_step_m)


# Client 0 has an avatar: it sits down in its cabin, walks to the next one, and gets off; the clients of the other servers
# see it where it says that it is, in the frame that it is in.
func _walk() -> void:
	var answers := []
	clients[0].request_answered.connect(func(_request: int, result: int, id: int) -> void: answers.append([result, id]))
	var seat := Vector3(views[0].rider["seat"][0], views[0].rider["seat"][1], views[0].rider["seat"][2])
	var cabin: int = views[0].rider["cabin"]
	clients[0].request_create("avatar", Transform3D(Basis(), seat), cabin, {}, true)
	await until(func() -> bool: return not answers.is_empty(), "an avatar is asked for")
	if not check(not answers.is_empty() and answers[0][0] == OK, "it is made: %s" % [answers]):
		return
	var avatar: int = answers[0][1]
	await _seen(avatar, cabin, seat, "in the cabin")
	var next: int = truth.ride(1)["cabin"]
	for way in [Vector3(0, 0, -2), Vector3(0.4, 0, 0), Vector3(-0.3, 0, 1.5)]:
		await _seen(avatar, next if way.x != 0.0 else cabin, way, "on its way")
	# Off, beside the line: in the world's frame, in doubles, since it may be far out.
	var stop := _beside()
	await until(func() -> bool:
		clients[0].set_own_entity(avatar, Transform3D(), 0, {"position": stop})
		return _all_see(avatar, 0, stop), "the avatar that got off is seen at the stop", 10.0)


func _beside() -> PackedFloat64Array:
	var far := 10000000.0 if scenario == "far" else 0.0
	return PackedFloat64Array([far + 6.25, 0.0, -far - 50.5])


# By the clients of the other servers, in the frame that it is in.
func _seen(avatar: int, carrier: int, place: Vector3, what: String) -> void:
	var numbers := PackedFloat64Array([place.x, place.y, place.z])
	var reported := func() -> bool:
		clients[0].set_own_entity(avatar, Transform3D(Basis(), place), carrier) # in each frame, as a game does
		return _all_see(avatar, carrier, numbers)
	if not await until(reported, "%s, it is seen by the others in its frame" % what, 10.0):
		for client in clients:
			print("%s: %s, should be %s in %d" % [client.get_address(), client.get_entity(avatar), numbers, carrier])


func _all_see(avatar: int, carrier: int, place: PackedFloat64Array) -> bool:
	return range(1, 3).all(func(number: int) -> bool: return _sees(number, avatar, carrier, place))


# Within its tolerance: 1 mrad of how far it is from where that client sits, both as it sees them.
func _sees(number: int, avatar: int, carrier: int, place: PackedFloat64Array) -> bool:
	var entity := clients[number].get_entity(avatar)
	if entity.is_empty() or entity["carrier"] != carrier:
		return false
	var is_at: PackedFloat64Array = clients[number].get_transforms(PackedInt64Array([avatar, views[number].rider["cabin"]]))
	var allowed := 0.001 * maxf(_distance(is_at.slice(0, 3), is_at.slice(7, 10)) + 10.0, 20.0) + 0.01
	if carrier == 0:
		return _distance(is_at.slice(0, 3), place) <= allowed
	var in_frame: Vector3 = entity["position"]
	return _distance(PackedFloat64Array([in_frame.x, in_frame.y, in_frame.z]), place) <= allowed


func _distance(a: PackedFloat64Array, b: PackedFloat64Array) -> float:
	return sqrt((a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2 + (a[2] - b[2]) ** 2)


func _kill() -> void:
	var before := clients[0].get_address()
	OS.kill(pids["alpha"])
	pids.erase("alpha")
	var begun_ms := Time.get_ticks_msec()
	await until(func() -> bool: return clients[0].get_state() == TramlineClient.LIVE and clients[0].get_address() != before,
			"the client of the killed server is live on another one", CONNECTED_WITHIN_S)
	print("client 0 rides on after %d ms" % (Time.get_ticks_msec() - begun_ms))
	# Its view stays as it was, and may be right by chance before all that has changed since has come.
	await seconds(maxf(OWNER_WITHIN_S - (Time.get_ticks_msec() - begun_ms) / 1000.0, 0.0) + RIGHT_WITHIN_S)
	await _right(RIGHT_WITHIN_S, "every view is right after a server was killed")
	await _compare_for(RIDE_S / 2.0)
	_judge("after the kill")


func _end() -> void:
	FileAccess.open(_ready_file("beta") + ".stop", FileAccess.WRITE).close()
	var pid: int = pids["beta"]
	await until(func() -> bool: return not OS.is_process_running(pid), "a server in Godot ends in order", 15.0)
	check_equal(OS.get_process_exit_code(pid), 0, "its exit status")
	pids.erase("beta")
	await until(_all_with.bind("127.0.0.1:%d" % int(ready["gamma"]["port"])), "everybody rides on with tramline serve", 15.0)
	await seconds(RIGHT_WITHIN_S)
	await _right(5.0, "every view is right with one server left")
	await _compare_for(2.0)
	_judge("with tramline serve alone")


func _all_with(address: String) -> bool:
	return clients.all(func(client: TramlineClient) -> bool: return client.get_state() == TramlineClient.LIVE and client.get_address() == address)


func _kill_all() -> void:
	for name: String in pids:
		OS.kill(pids[name])
	truth.close()

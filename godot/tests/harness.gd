extends SceneTree
# What every test script extends. It fills in run(), and calls check() for what must be so. run.sh wants to see the last
# line, so that a script which breaks off does not pass.

const TIMEOUT_S := 20.0

var failures := 0
var checks := 0
var arguments := {} # "--name=value" after "--"


func run() -> void:
	check(false, "the test has no run()")


func _initialize() -> void:
	for argument in OS.get_cmdline_user_args():
		arguments[argument.get_slice("=", 0).trim_prefix("--")] = argument.substr(argument.find("=") + 1)
	_begin.call_deferred()


func _begin() -> void:
	await run()
	await process_frame
	print("%d checks, %d failed" % [checks, failures])
	print("TEST FAILED" if failures > 0 or checks == 0 else "TEST PASSED")
	quit(1 if failures > 0 or checks == 0 else 0)


func check(condition: bool, what: String) -> bool:
	checks += 1
	if not condition:
		failures += 1
		print("FAILED: ", what)
		for frame: Dictionary in get_stack().slice(1):
			print("    at %s:%d, %s" % [frame["source"], frame["line"], frame["function"]])
	return condition


func check_equal(is_value: Variant, should: Variant, what: String) -> bool:
	return check(is_value == should, "%s: is %s, should be %s" % [what, is_value, should])


func check_near(is_value: Vector3, should: Vector3, within: float, what: String) -> bool:
	var off := is_value.distance_to(should)
	return check(off <= within, "%s: is %s, should be %s, %.4f m off, at most %.4f m are allowed" % [what, is_value, should, off, within])


# Waits, frame by frame, until `condition` returns true.
func until(condition: Callable, what: String, timeout_s := TIMEOUT_S) -> bool:
	var end_ms := Time.get_ticks_msec() + int(timeout_s * 1000.0)
	while not condition.call():
		if Time.get_ticks_msec() > end_ms:
			return check(false, "waited %.0f s until %s" % [timeout_s, what])
		await process_frame
	return true


func seconds(duration_s: float) -> void:
	var end_ms := Time.get_ticks_msec() + int(duration_s * 1000.0)
	while Time.get_ticks_msec() < end_ms:
		await process_frame


# A folder of this test's own; run.sh removes it.
func folder(name: String) -> String:
	var path: String = arguments.get("work", OS.get_user_data_dir()).path_join(name)
	DirAccess.make_dir_recursive_absolute(path)
	return path


# ---- a world in this process ----


func new_kind(kind_name: String, create := 0, update := 0, remove := 0) -> TramlineKind:
	var kind := TramlineKind.new()
	kind.kind_name = kind_name
	kind.create_policy = create
	kind.update_policy = update
	kind.remove_policy = remove
	return kind


func new_field(field_name: String, type: int, predictor := 0, tolerance := 0.0) -> TramlineField:
	var field := TramlineField.new()
	field.field_name = field_name
	field.type = type
	field.predictor = predictor
	field.tolerance = tolerance
	return field


# A store of that name: a folder, or, where the test runs with a FoundationDB, a prefix in that.
func world(store_name: String) -> String:
	var uri := OS.get_environment("TL_STORE")
	return uri.get_slice("?", 0) + "?prefix=" + store_name if uri.begins_with("fdb:") else folder(store_name)


# Not yet in the tree and not started, so that a test can change it.
func new_server(store: String, kinds: Array[TramlineKind], server_name := "alpha") -> TramlineServer:
	var server := TramlineServer.new()
	server.name = server_name.capitalize()
	server.store_uri = store if ":" in store else "sqlite:" + store
	server.server_name = server_name
	server.address = "127.0.0.1:0"
	server.kinds = kinds
	return server


func start(server: TramlineServer) -> bool:
	if not server.is_inside_tree():
		root.add_child(server)
	check_equal(server.start(), OK, "start()")
	return await until(func() -> bool: return server.get_state() == TramlineServer.RUNNING, "the server runs")


func new_client(server: TramlineServer) -> TramlineClient:
	var client := TramlineClient.new()
	client.addresses = PackedStringArray(["127.0.0.1:%d" % server.get_port()])
	client.fingerprints = PackedStringArray([server.get_fingerprint()])
	client.kinds = server.kinds
	return client


func connect_client(client: TramlineClient) -> bool:
	if not client.is_inside_tree():
		root.add_child(client)
	check_equal(client.connect_to_server(), OK, "connect_to_server()")
	return await until(func() -> bool: return client.get_state() == TramlineClient.LIVE, "the client is live")


# Of 7 real numbers: the place only.
func place_of(transforms: PackedFloat64Array, index: int) -> Vector3:
	return Vector3(transforms[7 * index], transforms[7 * index + 1], transforms[7 * index + 2])


func transform_of(transforms: PackedFloat64Array, index: int) -> Transform3D:
	var t := transforms.slice(7 * index, 7 * index + 7)
	return Transform3D(Basis(Quaternion(t[3], t[4], t[5], t[6])), Vector3(t[0], t[1], t[2]))

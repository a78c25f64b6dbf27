extends "harness.gd"
# What a server has committed is there again after it ended, in order or at once.
# Provokes errors.

var kinds: Array[TramlineKind] = []
var group := 0
var ids := PackedInt64Array()
var charged := 0


func run() -> void:
	var kind := new_kind("cube")
	kind.fields = [new_field("position", TramlineField.POSITION, TramlineField.HOLD), new_field("charge", TramlineField.INTEGER)] as Array[TramlineField]
	kinds.append(kind)
	var store := world("store")
	var server := new_server(store, kinds)
	if not await start(server):
		return
	_make(server)
	await seconds(0.5)
	await _stop(server, true)
	var again := new_server(store, kinds)
	if not await start(again):
		return
	_look(again, 0.0)
	_move(again, 30.0)
	await seconds(0.5)
	await _stop(again, false)
	var once_more := new_server(store, kinds)
	if not await start(once_more):
		return
	_look(once_more, 30.0)
	var client := new_client(once_more)
	if await connect_client(client):
		await until(func() -> bool: return client.get_entities().size() == ids.size() + 1, "a client sees all of them")
	await _stop(once_more, true)
	# An error says what is wrong if the kinds differ from the world's.
	var other := new_server(store, [new_kind("sphere")] as Array[TramlineKind])
	root.add_child(other)
	check(other.start() != OK, "a server with other kinds than the world's does not start")
	# One that runs, and is lost hold of: the engine still ends as it should, and run.sh looks at its exit status.
	var lost := new_server(world("lost"), kinds)
	if await start(lost):
		root.remove_child(lost)
	check(other.get_state() == TramlineServer.FAILED and "kinds" in other.get_state_text(), "it says why: %s" % other.get_state_text())


func _make(server: TramlineServer) -> void:
	group = server.create_group()
	var transforms := PackedFloat64Array()
	for index in 500:
		transforms.append_array(PackedFloat64Array([index, 0, 2 * index, 0, 0, 0, 1]))
	ids = server.create_entities("cube", group, PackedInt64Array(), transforms)
	charged = server.create_entity("cube", group, Transform3D(), 0, {"charge": 12345})
	check_equal(ids.size(), 500, "how many were made")


func _move(server: TramlineServer, height: float) -> void:
	var transforms := server.get_transforms(ids)
	for index in ids.size():
		transforms[7 * index + 1] = height
	check_equal(server.set_transforms(ids, transforms), ids.size(), "how many were moved")


func _look(server: TramlineServer, height: float) -> void:
	check(server.owns_group(group), "the group is this server's again")
	check_equal(server.get_group_entities(group).size(), 501, "how many are in it")
	var transforms := server.get_transforms(ids)
	var off := 0
	for index in ids.size():
		if place_of(transforms, index).distance_to(Vector3(index, height, 2 * index)) > 0.03:
			off += 1
	check_equal(off, 0, "how many are elsewhere")
	check_equal(server.get_entity(charged)["charge"], 12345, "a value")


func _stop(server: TramlineServer, in_order: bool) -> void:
	if in_order:
		server.stop()
		await until(func() -> bool: return server.get_state() == TramlineServer.STOPPED, "the server stops")
	else:
		server.stop_now()
	server.queue_free()
	await process_frame

extends "harness.gd"
# One server, one client, in one process: what is created, moved, sent and removed on one side shows on the other.

var server: TramlineServer
var client: TramlineClient
var heard: Array = [] # of signals, in order
var frames := 0


func run() -> void:
	var kind := new_kind("cube")
	kind.fields = [
		new_field("position", TramlineField.POSITION, TramlineField.LINEAR),
		new_field("rotation", TramlineField.ROTATION, TramlineField.HOLD),
		new_field("charge", TramlineField.SCALAR, TramlineField.HOLD, 0.001),
		new_field("count", TramlineField.INTEGER),
		_name_field(),
	] as Array[TramlineField]
	server = new_server(folder("store"), [kind, new_kind("asked", TramlineKind.ASK, TramlineKind.ASK, TramlineKind.ASK),
			new_kind("free", TramlineKind.ALLOW, TramlineKind.ALLOW, TramlineKind.ALLOW)])
	_listen()
	if not await start(server):
		return
	check("started" in heard, "the signal started")
	check(server.get_port() > 0, "it has a port")
	check_equal(server.get_fingerprint().length(), 64, "the fingerprint's length")
	check_equal(server.get_server_number(), 1, "the first server's number")
	client = new_client(server)
	_listen_client()
	if not await connect_client(client):
		return
	check("connected" in heard, "the signal connected")
	await until(func() -> bool: return heard.any(func(h: Variant) -> bool: return h is Array and h[0] == "client_joined"), "the server says who joined")
	await _entities()
	await _bulk()
	await _values()
	await _messages()
	await _requests()
	await _own_entity()
	await _groups()
	await _end()


func _name_field() -> TramlineField:
	var field := new_field("label", TramlineField.BYTES)
	field.bytes_max = 32
	return field


func _listen() -> void:
	server.started.connect(func() -> void: heard.append("started"))
	server.stopped.connect(func() -> void: heard.append("stopped"))
	server.client_joined.connect(func(number: int, who: String) -> void: heard.append(["client_joined", number, who]))
	server.client_left.connect(func(number: int, who: String) -> void: heard.append(["client_left", number, who]))
	server.message_received.connect(func(number: int, data: PackedByteArray) -> void: heard.append(["to_server", number, data]))


func _listen_client() -> void:
	client.connected.connect(func() -> void: heard.append("connected"))
	client.disconnected.connect(func(reason: String) -> void: heard.append(["disconnected", reason]))
	client.entity_entered.connect(func(id: int, kind: String) -> void: heard.append(["entered", id, kind]))
	client.entity_changed.connect(func(id: int) -> void: heard.append(["changed", id]))
	client.entity_left.connect(func(id: int) -> void: heard.append(["left", id]))
	client.frame_received.connect(func(bytes: PackedByteArray) -> void: frames += int(bytes.size() > 8))
	client.message_received.connect(func(data: PackedByteArray) -> void: heard.append(["to_client", data]))
	client.request_answered.connect(func(request: int, result: int, id: int) -> void: heard.append(["answer", request, result, id]))


func _hear(what: Array) -> bool:
	return await until(func() -> bool: return what in heard, "%s is heard" % [what])


func _entities() -> void:
	var group := server.create_group()
	check(group != 0 and server.owns_group(group), "a group is made and owned")
	var there := Transform3D(Basis(Vector3.UP, 0.5), Vector3(3, 4, 5))
	var id := server.create_entity("cube", group, there)
	check(id != 0 and server.has_entity(id), "an entity is made")
	await _hear(["entered", id, "cube"])
	check(client.has_entity(id), "the client has it")
	await seconds(0.3)
	check_near(client.get_transform(id).origin, there.origin, 0.03, "where the client sees it")
	check(client.get_transform(id).basis.get_rotation_quaternion().angle_to(Quaternion(Vector3.UP, 0.5)) < 0.11, "how the client sees it turned")
	check_equal(server.get_entity(id)["kind"], "cube", "its kind on the server")
	check_equal(client.get_entity(id)["kind"], "cube", "its kind on the client")
	check_equal(server.get_entity(id)["owned"], true, "it is owned")
	# It goes straight on at 5 m/s, and is seen where it was two ticks ago or so.
	var begun_s := server.get_time_s()
	var move := func(_tick: int, time_s: float) -> void:
		server.set_transform(id, Transform3D(Basis(), Vector3(5.0 * (time_s - begun_s), 0, 0)))
	server.tick.connect(move)
	await seconds(1.0)
	var expected := 5.0 * (client.get_display_tick() / client.get_tick_hz() - begun_s)
	check_near(client.get_transform(id).origin, Vector3(expected, 0, 0), 0.1, "where the client sees it while it moves")
	server.tick.disconnect(move)
	check(server.delete_entity(id) == OK, "it is deleted")
	await _hear(["left", id])
	check(not client.has_entity(id), "the client has it no more")
	check_equal(server.delete_group(group), OK, "delete_group()")


func _bulk() -> void:
	var group := server.create_group()
	var transforms := PackedFloat64Array()
	for index in 1000:
		transforms.append_array(PackedFloat64Array([index % 40, 0, index / 40, 0, 0, 0, 1]))
	var ids := server.create_entities("cube", group, PackedInt64Array(), transforms)
	check_equal(ids.size(), 1000, "how many were made")
	await until(func() -> bool: return client.get_entities().size() == 1000, "the client sees all of them")
	check_equal(server.get_group_entities(group).size(), 1000, "how many are in the group")
	for index in 1000:
		transforms[7 * index + 1] = 7.0
	var moved := [0]
	server.tick.connect(func(_tick: int, _time_s: float) -> void: moved[0] = server.set_transforms(ids, transforms), CONNECT_ONE_SHOT)
	await seconds(1.0)
	check_equal(moved[0], 1000, "how many were moved")
	var seen := client.get_transforms(ids)
	check_equal(seen.size(), 7000, "how many numbers are read")
	var off := 0
	for index in 1000:
		if place_of(seen, index).distance_to(place_of(transforms, index)) > 0.07:
			off += 1
	check_equal(off, 0, "how many are seen elsewhere")
	var view := client.get_transforms_at(client.get_display_tick(), false)
	check_equal(view["ids"].size(), 1000, "how many the whole view has")
	check_equal(view["transforms"].size(), 7000, "and numbers")
	var mesh := MultiMesh.new()
	mesh.transform_format = MultiMesh.TRANSFORM_3D
	mesh.instance_count = 2000
	check_equal(client.fill_multimesh(mesh, "cube", Vector3.ZERO), 1000, "how many are in the MultiMesh")
	check_equal(mesh.visible_instance_count, 1000, "how many it shows")
	check_equal(server.delete_group(group), OK, "delete_group()")
	await until(func() -> bool: return client.get_entities().is_empty(), "the client sees none of them")


func _values() -> void:
	var group := server.create_group()
	var id := server.create_entity("cube", group, Transform3D(), 0, {"charge": 0.25, "count": 7, "label": "first".to_utf8_buffer()})
	await _hear(["entered", id, "cube"])
	var seen := client.get_entity(id)
	check(absf(seen["charge"] - 0.25) <= 0.001, "a scalar arrives: %s" % seen["charge"])
	check_equal(seen["count"], 7, "an integer arrives")
	check_equal(seen["label"].get_string_from_utf8(), "first", "bytes arrive")
	heard.erase(["changed", id])
	server.set_entity(id, {"charge": 0.5, "count": -9, "label": PackedByteArray()})
	await _hear(["changed", id])
	seen = client.get_entity(id)
	check(absf(seen["charge"] - 0.5) <= 0.001, "another scalar arrives: %s" % seen["charge"])
	check_equal(seen["count"], -9, "another integer arrives")
	check_equal(seen["label"].size(), 0, "empty bytes arrive")
	server.delete_group(group)


func _messages() -> void:
	var data := "hello".to_utf8_buffer()
	check_equal(client.send_message(data), OK, "send_message() of the client")
	await until(func() -> bool: return heard.any(func(h: Variant) -> bool: return h is Array and h[0] == "to_server"), "the server gets it")
	var message: Array = heard.filter(func(h: Variant) -> bool: return h is Array and h[0] == "to_server")[0]
	check_equal(message[2], data, "what the server gets")
	check_equal(server.send_message(message[1], "welcome".to_utf8_buffer()), OK, "send_message() of the server")
	await _hear(["to_client", "welcome".to_utf8_buffer()])


func _answer(request: int) -> Array:
	var is_it := func(h: Variant) -> bool: return h is Array and h[0] == "answer" and h[1] == request
	await until(func() -> bool: return heard.any(is_it), "request %d is answered" % request)
	var found := heard.filter(is_it)
	return found[0] if found else ["answer", request, -1, 0]


func _requests() -> void:
	var asked: Array[Dictionary] = []
	server.request_handler = func(request: Dictionary) -> bool:
		asked.append(request)
		return request["values"].get("position", Vector3.ZERO).y < 10.0
	var group := server.create_group()
	var denied := server.create_entity("cube", group, Transform3D())
	await _hear(["entered", denied, "cube"])
	check((await _answer(client.request_update(denied, {"count": 3})))[2] != OK, "a kind that denies is not changed")
	check((await _answer(client.request_delete(denied)))[2] != OK, "nor deleted")
	check((await _answer(client.request_create("cube", Transform3D())))[2] != OK, "nor made")
	check_equal(asked.size(), 0, "how often the handler was asked")
	var made := await _answer(client.request_create("free", Transform3D(Basis(), Vector3(1, 2, 3)), 0, {}, false))
	check_equal(made[2], OK, "a kind that allows is made")
	await until(func() -> bool: return client.has_entity(made[3]), "it is seen")
	check_equal((await _answer(client.request_update(made[3], {"position": Vector3(5, 6, 7)})))[2], OK, "and moved")
	await until(func() -> bool: return client.get_transform(made[3]).origin.distance_to(Vector3(5, 6, 7)) < 0.05, "it is seen there")
	check_equal((await _answer(client.request_delete(made[3])))[2], OK, "and deleted")
	var low := await _answer(client.request_create("asked", Transform3D(Basis(), Vector3(0, 1, 0)), 0, {}, false))
	check_equal(low[2], OK, "the handler says yes")
	var high := await _answer(client.request_create("asked", Transform3D(Basis(), Vector3(0, 11, 0)), 0, {}, false))
	check(high[2] != OK, "the handler says no")
	check_equal(asked.size(), 2, "how often the handler was asked then")
	if asked.size() == 2:
		check_equal(asked[0]["kind"], "asked", "the kind in the request")
		check(asked[0]["client"] != 0, "the client in the request")
	server.delete_entity(low[3])
	server.delete_group(group)


func _own_entity() -> void:
	var made := await _answer(client.request_create("free", Transform3D()))
	check_equal(made[2], OK, "an own entity is made")
	await until(func() -> bool: return client.has_entity(made[3]), "it is seen")
	var there := Transform3D(Basis(), Vector3(-4, 0, 9))
	check_equal(client.set_own_entity(made[3], there), OK, "set_own_entity()")
	await until(func() -> bool: return server.get_entity(made[3])["transform"].origin.distance_to(there.origin) < 0.03, "the server sees it there")
	# It steps aside, and then nothing is said of it: it stays.
	var aside := Transform3D(Basis(), Vector3(-4, 0, 10.5))
	check_equal(client.set_own_entity(made[3], aside), OK, "set_own_entity()")
	await seconds(1.5)
	check_near(server.get_entity(made[3])["transform"].origin, aside.origin, 0.03, "where an own entity is, of which nothing more was said")


func _groups() -> void:
	check(frames > 20, "frames are reported: %d" % frames)
	var group := server.create_group()
	var id := server.create_entity("cube", group, Transform3D(Basis(), Vector3(1, 1, 1)))
	await seconds(0.2) # what was made shows at the next tick
	check_equal(server.get_entity(id)["group"], group, "an entity's group")
	check_equal(server.get_entity(id)["owner"], server.get_server_number(), "an entity's owner")
	check_equal(Array(server.get_group_entities(group)), [id], "a group's entities")
	server.delete_group(group)
	await until(func() -> bool: return not server.has_entity(id), "a group goes with its entities")


func _end() -> void:
	var number: int = heard.filter(func(h: Variant) -> bool: return h is Array and h[0] == "client_joined")[0][1]
	server.drop_client(number, "enough of it")
	client.reconnect = false
	await until(func() -> bool: return heard.any(func(h: Variant) -> bool: return h is Array and h[0] == "disconnected"), "the client is dropped")
	var dropped: Array = heard.filter(func(h: Variant) -> bool: return h is Array and h[0] == "disconnected")
	check(dropped and "enough of it" in dropped[0][1], "the reason is reported: %s" % [dropped])
	server.stop()
	await until(func() -> bool: return "stopped" in heard, "the server stops in order")
	check_equal(server.get_state(), TramlineServer.STOPPED, "its state then")
	client.queue_free()
	server.queue_free()
	await process_frame

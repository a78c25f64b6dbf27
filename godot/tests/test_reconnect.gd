extends "harness.gd"
# A client whose address changes, again and again: it reconnects by itself, nothing of its view leaves, and what it owns is
# returned to it. Over DTLS, without a token: only the secret of its first connection says who it is. Then what is
# refused, who is set down when a carrier goes, and what is lost once the time of grace is over.

const Relay := preload("relay.gd")
const CUBES := 200
const CHANGES := 3
const WITHIN_S := 30.0 # of a machine that does other things, too
const LOOK_ON_S := 2.0

var server: TramlineServer
var client: TramlineClient
var relay := Relay.new()
var heard: Array = []
var reported := {} # signals whose order does not matter: how often


func run() -> void:
	var tram := new_kind("tram")
	tram.carrier_reach_m = 10
	server = new_server(folder("store"), [new_kind("cube"), _avatar_kind(), tram] as Array[TramlineKind])
	server.grace_s = 4.0
	server.entity_set_down.connect(func(id: int, carrier: int) -> void: heard.append(["set down", id, carrier]))
	if not await start(server) or not check(relay.open(server.get_port()), "a way through the relay"):
		return
	process_frame.connect(relay.poll)
	var transforms := PackedFloat64Array()
	for index in CUBES:
		transforms.append_array(PackedFloat64Array([index % 20, 0, index / 20, 0, 0, 0, 1]))
	server.create_entities("cube", server.create_group(), PackedInt64Array(), transforms)
	client = _new_client()
	root.add_child(client)
	if not await connect_client(client):
		return
	var avatar := await _create_avatar()
	await _address_changes(avatar)
	await _refused(avatar)
	await _set_down()
	await _grace_ends(avatar)
	client.disconnect_from_server()
	server.stop()
	await until(func() -> bool: return server.get_state() == TramlineServer.STOPPED, "the server stops")


func _avatar_kind() -> TramlineKind:
	var kind := new_kind("avatar", TramlineKind.ALLOW, TramlineKind.ALLOW, TramlineKind.ALLOW)
	kind.fields = [new_field("position", TramlineField.POSITION, TramlineField.LINEAR), new_field("rotation", TramlineField.ROTATION, TramlineField.HOLD),
			new_field("lives", TramlineField.INTEGER)] as Array[TramlineField]
	return kind


# Cubes are spawned as nodes that the client moves, avatars as a TramlineEntity.
func _scene_of(node: Node3D) -> PackedScene:
	var scene := PackedScene.new()
	scene.pack(node)
	node.free()
	return scene


func _new_client() -> TramlineClient:
	var made := new_client(server)
	var kinds: Array[TramlineKind] = [new_kind("cube"), _avatar_kind()]
	kinds[0].scene = _scene_of(Node3D.new())
	kinds[1].scene = _scene_of(TramlineEntity.new())
	made.kinds = kinds
	made.addresses = PackedStringArray(["127.0.0.1:%d" % relay.port])
	made.connected.connect(func() -> void: heard.append("connected"))
	made.disconnected.connect(func(reason: String) -> void: heard.append(["disconnected", reason]))
	made.reconnecting.connect(func(reason: String) -> void: heard.append("reconnecting" if reason else "without a reason"))
	made.reconnected.connect(func() -> void: heard.append("reconnected"))
	made.own_entity_given_back.connect(func(id: int, kind: String) -> void: heard.append(["given back", id, kind]))
	made.own_entity_lost.connect(func(id: int) -> void: heard.append(["lost", id]))
	made.own_entity_refused.connect(func(id: int, result: int) -> void: heard.append(["refused", id, result]))
	made.request_answered.connect(func(_request: int, result: int, id: int) -> void: heard.append(["answer", result, id]))
	made.entity_entered.connect(func(_id: int, _kind: String) -> void: reported["entered"] = reported.get("entered", 0) + 1)
	made.entity_left.connect(func(_id: int) -> void: reported["left"] = reported.get("left", 0) + 1)
	return made


func _create_avatar() -> int:
	check(client.request_create("avatar", Transform3D(), 0, {"lives": 3}) > 0, "request_create()")
	await until(func() -> bool: return heard.any(func(h: Variant) -> bool: return h is Array and h[0] == "answer"), "the request is answered", WITHIN_S)
	var id: int = heard.filter(func(h: Variant) -> bool: return h is Array and h[0] == "answer")[0][2]
	await until(func() -> bool: return client.get_entities().size() == CUBES + 1 and client.has_entity(id), "all is in view", WITHIN_S)
	check_equal(heard, ["connected", ["answer", OK, id]], "what was heard at first")
	return id


func _nodes() -> Dictionary:
	var nodes := {}
	for id in client.get_entities():
		var node := client.get_node_of(id)
		nodes[id] = node if is_instance_id_valid(node) and not instance_from_id(node).is_queued_for_deletion() else 0
	return nodes


# It walks all the time, whether it is connected or not.
func _walk(avatar: int, count: int) -> void:
	var result := client.set_own_entity(avatar, Transform3D(Basis(), Vector3(count % 100 * 0.1, 1, 0)), 0, {"lives": 3})
	if result != OK:
		reported["not set"] = reported.get("not set", 0) + 1


func _address_changes(avatar: int) -> void:
	await seconds(LOOK_ON_S)
	var nodes := _nodes()
	check_equal(nodes.values().count(0), 0, "entities without a node")
	var count := [0]
	var walk := func() -> void:
		count[0] += 1
		_walk(avatar, count[0])
	process_frame.connect(walk)
	for change in CHANGES:
		heard.clear()
		reported.clear()
		var begun_ms := Time.get_ticks_msec()
		relay.rebind()
		await until(func() -> bool: return client.get_state() == TramlineClient.RECONNECTING, "it notices that nothing comes", WITHIN_S)
		check("reconnecting: " in client.get_state_text(), "it says why: %s" % client.get_state_text())
		check_equal(client.send_message("up".to_utf8_buffer()), ERR_UNAVAILABLE, "a message meanwhile")
		check_equal(client.request_delete(avatar), 0, "a request meanwhile")
		await until(func() -> bool: return ["given back", avatar, "avatar"] in heard, "its avatar is given back", WITHIN_S)
		print("address change %d: given back after %d ms" % [change, Time.get_ticks_msec() - begun_ms])
		await seconds(LOOK_ON_S)
		check_equal(heard, ["reconnecting", "reconnected", ["given back", avatar, "avatar"]], "what was heard of address change %d" % change)
		check_equal(reported, {}, "what entered, left, or could not be set")
		check_equal(_nodes(), nodes, "the nodes")
		check_equal(client.get_stats()["reconnects"], change + 1, "reconnects")
	process_frame.disconnect(walk)
	# It is still this client's to move.
	var there := Transform3D(Basis(), Vector3(-3, 2, -5))
	check_equal(client.set_own_entity(avatar, there, 0, {"lives": 2}), OK, "set_own_entity()")
	await until(func() -> bool: return server.get_entity(avatar)["transform"].origin.distance_to(there.origin) < 0.03 and server.get_entity(avatar)["lives"] == 2,
			"the server sees it there", WITHIN_S)


func _refused(avatar: int) -> void:
	heard.clear()
	var cube: int = Array(server.get_entities()).filter(func(id: int) -> bool: return server.get_entity(id)["kind"] == "cube")[0]
	check_equal(client.set_own_entity(avatar, Transform3D(), cube), OK, "set_own_entity() into a cube")
	await until(func() -> bool: return heard.any(func(h: Variant) -> bool: return h is Array and h[0] == "refused" and h[1] == avatar and h[2] != OK),
			"a cube carries nobody, it is reported", WITHIN_S)
	check_equal(server.get_entity(avatar)["carrier"], 0, "the carrier of the avatar that cannot ride")
	check_equal(client.set_own_entity(avatar, Transform3D(), 0), OK, "set_own_entity() in the world again")
	await seconds(0.5)


func _set_down() -> void:
	heard.clear()
	var tram := server.create_entity("tram", server.create_group(), Transform3D(Basis(), Vector3(50, 0, 50)))
	await until(func() -> bool: return client.has_entity(tram), "a tram comes", WITHIN_S)
	var passenger := server.create_entity("cube", server.create_group(), Transform3D(Basis(), Vector3(1, 0, 0)), tram)
	await until(func() -> bool: return client.has_entity(passenger), "and its passenger", WITHIN_S)
	server.delete_entity(tram)
	await until(func() -> bool: return ["set down", passenger, tram] in heard, "the passenger is set down", WITHIN_S)
	check_near(server.get_entity(passenger)["transform"].origin, Vector3(51, 0, 50), 0.05, "where it stands then")
	check_equal(heard.filter(func(h: Variant) -> bool: return h is Array and h[0] == "set down").size(), 1, "how often that is reported")
	await until(func() -> bool: return not client.has_entity(tram), "the tram leaves", WITHIN_S)


# It is cut off for longer than the server keeps what it owns. Its view is still the same one.
func _grace_ends(avatar: int) -> void:
	heard.clear()
	reported.clear()
	var before := client.get_entities().size()
	process_frame.disconnect(relay.poll)
	await until(func() -> bool: return not server.has_entity(avatar), "the server deletes the avatar", WITHIN_S)
	check_equal(client.get_state(), TramlineClient.RECONNECTING, "the client's state while it is cut off")
	check_equal(client.get_entities().size(), before, "what it shows meanwhile")
	relay.rebind()
	process_frame.connect(relay.poll)
	await until(func() -> bool: return ["lost", avatar] in heard, "what it has lost is reported", WITHIN_S)
	await until(func() -> bool: return reported.get("left", 0) > 0, "the avatar leaves", WITHIN_S)
	await seconds(LOOK_ON_S)
	check_equal(heard, ["reconnecting", "reconnected", ["lost", avatar]], "what was heard of a long cut")
	check_equal(reported, {"left": 1}, "what entered and left")
	check_equal(client.get_entities().size(), before - 1, "what it shows then")

extends "harness.gd"
# Frames over a transport of one's own: Godot's SceneMultiplayer carries them as raw bytes between two of its peers, here
# over ENet, next to whatever else a game sends through it. When its connection breaks the client says so, the script makes another
# one, and the view and what is owned go on. And a file: what one client reports by frame_received is saved,
# and another one, of no server, is shown the same from it.
# Provokes errors.

const PORT_FIRST := 20400

var server: TramlineServer
var client: TramlineClient
var host := SceneMultiplayer.new()
var guest := SceneMultiplayer.new()
var peer_of := {} # the server's number of each of the host's peers
var id_of := {} # and back
var frames := 0
var port := 0
var broken := false
var calls := 0
var heard := []


func run() -> void:
	var kinds: Array[TramlineKind] = [new_kind("cube"), new_kind("free", TramlineKind.ALLOW, TramlineKind.ALLOW, TramlineKind.ALLOW)]
	server = new_server(folder("store"), kinds)
	if not await start(server):
		return
	var group := server.create_group()
	var transforms := PackedFloat64Array()
	for index in 2000:
		transforms.append_array(PackedFloat64Array([index % 50, 0, index / 50, 0, 0, 0, 1]))
	var ids := server.create_entities("cube", group, PackedInt64Array(), transforms)
	if not _open_peers():
		return
	client = TramlineClient.new()
	client.custom_transport = true
	client.kinds = kinds
	client.reconnecting.connect(_call_again)
	client.datagram_ready.connect(_from_client)
	client.message_received.connect(func(data: PackedByteArray) -> void: heard.append(data))
	server.message_received.connect(func(_number: int, data: PackedByteArray) -> void: heard.append(data))
	root.add_child(client)
	guest.peer_packet.connect(_to_client)
	host.peer_packet.connect(_to_server)
	server.frame_ready.connect(_from_server)
	host.peer_connected.connect(_meet)
	host.peer_disconnected.connect(_part)
	await until(func() -> bool: return peer_of.size() == 1 and guest.get_peers().size() == 1, "the two peers are connected")
	check_equal(client.connect_to_server(), OK, "connect_to_server()")
	client.transport_connected()
	await until(func() -> bool: return client.get_state() == TramlineClient.LIVE, "the client is live")
	await until(func() -> bool: return client.get_entities().size() == 2000, "it sees everything")
	for index in 2000:
		transforms[7 * index + 1] = 9.0
	server.set_transforms(ids, transforms)
	await until(_is_moved.bind(ids, transforms), "it sees where everything has moved")
	check(frames > 2, "frames came: %d" % frames)
	check_equal(client.get_stats()["malformed"], 0, "none was malformed")
	client.send_message("up".to_utf8_buffer())
	await until(func() -> bool: return "up".to_utf8_buffer() in heard, "a message reaches the server")
	# What is no frame is refused, and nothing breaks.
	check(client.apply_frame("not a frame".to_utf8_buffer()) != OK, "what is no frame is refused")
	client.apply_frame(PackedByteArray())
	server.receive_custom(peer_of.values()[0], "not a datagram".to_utf8_buffer())
	await seconds(0.5)
	check_equal(client.get_state(), TramlineClient.LIVE, "the client's state after that")
	await _break()
	await _through_a_file(ids, transforms)
	client.disconnect_from_server()
	await seconds(0.2)
	guest.multiplayer_peer.close()
	await until(func() -> bool: return peer_of.is_empty(), "the host parts with its peer")
	host.multiplayer_peer.close()
	server.stop()
	await until(func() -> bool: return server.get_state() == TramlineServer.STOPPED, "the server stops")


# What the guest sends and is sent is lost, until it calls again.
func _break() -> void:
	var reported := []
	client.reconnected.connect(func() -> void: reported.append("reconnected"))
	client.own_entity_given_back.connect(func(id: int, kind: String) -> void: reported.append(["given back", id, kind]))
	client.own_entity_lost.connect(func(id: int) -> void: reported.append(["lost", id]))
	client.disconnected.connect(func(reason: String) -> void: reported.append(reason))
	client.entity_left.connect(func(id: int) -> void: reported.append(["left", id]))
	client.request_answered.connect(func(_request: int, _result: int, id: int) -> void: reported.append(id), CONNECT_ONE_SHOT)
	client.request_create("free", Transform3D())
	await until(func() -> bool: return reported.size() == 1 and client.has_entity(reported[0]), "an own entity is in view")
	var own: int = reported[0]
	broken = true
	await until(func() -> bool: return ["given back", own, "free"] in reported, "what it owns is given back")
	await seconds(1.0)
	check_equal(reported, [own, "reconnected", ["given back", own, "free"]], "what was reported of a broken connection")
	check_equal(calls, 1, "how often it had to call again")
	check_equal(client.get_entities().size(), 2001, "what it sees then")
	client.request_delete(own)
	await until(func() -> bool: return not client.has_entity(own), "it is deleted")


# Another peer of Godot's, and for the server, too: what is still on its way over the old one is ignored.
func _call_again(_reason: String) -> void:
	calls += 1
	broken = false
	guest.multiplayer_peer.close()
	await until(func() -> bool: return peer_of.is_empty(), "the host parts with its former peer")
	var again := ENetMultiplayerPeer.new()
	check_equal(again.create_client("127.0.0.1", port), OK, "an ENet client")
	guest.multiplayer_peer = again
	await until(func() -> bool: return peer_of.size() == 1 and guest.get_peers().size() == 1, "the two peers are connected again")
	client.transport_connected()


# Each frame goes into the file with when it came. What is played from it: where everything is, what comes, and what goes.
func _through_a_file(ids: PackedInt64Array, transforms: PackedFloat64Array) -> void:
	var path := folder("frames").path_join("frames")
	var recorder := new_client(server)
	root.add_child(recorder)
	var file := FileAccess.open(path, FileAccess.WRITE)
	var begun_ms := Time.get_ticks_msec()
	recorder.frame_received.connect(func(frame: PackedByteArray) -> void:
		file.store_32(Time.get_ticks_msec() - begun_ms)
		file.store_32(frame.size())
		file.store_buffer(frame))
	if not await connect_client(recorder):
		return
	await until(func() -> bool: return recorder.get_entities().size() == ids.size(), "the recorder sees everything")
	for index in ids.size():
		transforms[7 * index + 1] = 4.0
	server.set_transforms(ids, transforms)
	var late := server.create_entity("cube", server.create_group(), Transform3D(Basis(), Vector3(1, 2, 3)))
	server.delete_entity(ids[1])
	await until(func() -> bool: return recorder.has_entity(late) and not recorder.has_entity(ids[1]), "the recorder sees what comes and goes")
	await seconds(0.7)
	var seen := recorder.get_transforms_at(recorder.get_frame_tick(), false)
	var last_tick := recorder.get_frame_tick()
	file.close()
	recorder.free()
	var player := TramlineClient.new()
	player.custom_transport = true
	player.silence_s = 10.0 # a file may be silent
	player.kinds = server.kinds
	root.add_child(player)
	var heard := {"entered": 0, "left": []}
	player.entity_entered.connect(func(_id: int, _kind: String) -> void: heard["entered"] += 1)
	player.entity_left.connect(func(id: int) -> void: heard["left"].append(id))
	check_equal(player.connect_to_server(), OK, "connect_to_server() of the client that plays the file")
	player.transport_connected()
	await _play(player, path)
	check_equal(player.get_state(), TramlineClient.LIVE, "the state of the client that plays the file")
	check_equal(player.get_frame_tick(), last_tick, "the newest frame of the file")
	check_equal(player.get_transforms_at(last_tick, false), seen, "what is seen from the file, and what was seen when it was made")
	check_equal(player.get_stats()["malformed"], 0, "none of its frames was malformed")
	check_near(player.get_transform(late).origin, Vector3(1, 2, 3), 0.03, "what came late, from the file")
	check_equal(heard, {"entered": ids.size() + 1, "left": [ids[1]]}, "what was reported of it")
	player.free()


# Frame by frame, as fast as it was recorded.
func _play(player: TramlineClient, path: String) -> void:
	var file := FileAccess.open(path, FileAccess.READ)
	var begun_ms := Time.get_ticks_msec()
	var played := 0
	while file.get_position() < file.get_length():
		var at_ms := file.get_32()
		while Time.get_ticks_msec() - begun_ms < at_ms:
			await process_frame
		check_equal(player.apply_frame(file.get_buffer(file.get_32())), OK, "apply_frame() of a frame from a file")
		played += 1
	await process_frame
	await process_frame
	check(played > 10, "enough frames in the file: %d" % played)


func _is_moved(ids: PackedInt64Array, transforms: PackedFloat64Array) -> bool:
	var seen := client.get_transforms(ids)
	for index in range(0, ids.size(), 7):
		if place_of(seen, index).distance_to(place_of(transforms, index)) > 0.07:
			return false
	return true


func _open_peers() -> bool:
	host.root_path = root.get_path()
	guest.root_path = root.get_path()
	for free_port in range(PORT_FIRST, PORT_FIRST + 100):
		port = free_port
		var listens := ENetMultiplayerPeer.new()
		if listens.create_server(port, 4) != OK:
			continue
		host.multiplayer_peer = listens
		var calls := ENetMultiplayerPeer.new()
		check_equal(calls.create_client("127.0.0.1", port), OK, "an ENet client")
		guest.multiplayer_peer = calls
		process_frame.connect(func() -> void:
			host.poll()
			guest.poll())
		return true
	return check(false, "a free port")


func _meet(id: int) -> void:
	var peer := server.add_custom_peer()
	check(peer != 0, "add_custom_peer()")
	peer_of[id] = peer
	id_of[peer] = id


func _part(id: int) -> void:
	server.remove_custom_peer(peer_of[id])
	id_of.erase(peer_of[id])
	peer_of.erase(id)


func _to_server(id: int, data: PackedByteArray) -> void:
	server.receive_custom(peer_of[id], data)


func _from_server(peer: int, data: PackedByteArray) -> void:
	if id_of.has(peer):
		host.send_bytes(data, id_of[peer], MultiplayerPeer.TRANSFER_MODE_UNRELIABLE)


func _from_client(data: PackedByteArray) -> void:
	if not broken and guest.get_peers().size() == 1:
		guest.send_bytes(data, 1, MultiplayerPeer.TRANSFER_MODE_UNRELIABLE)


func _to_client(_id: int, data: PackedByteArray) -> void:
	if broken:
		return
	if client.get_state() == TramlineClient.DISCONNECTED:
		return
	frames += 1
	check_equal(client.apply_frame(data), OK, "apply_frame()")

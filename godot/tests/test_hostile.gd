extends "harness.gd"
# Whatever a script passes, the engine goes on: every method and property of every class gets wrong types, wrong counts,
# nothing, nodes that are freed, numbers that are none, and arrays without end, in each state of a server and a client;
# from within their own signals, setters, getters and _init(); and from another thread. At the end a server and a client
# still do what they should.
# Provokes errors.

const ROUNDS := 12 # of each method and state
const CLASSES: PackedStringArray = ["TramlineField", "TramlineKind", "TramlineServer", "TramlineClient", "TramlineEntity", "TramlineObserver"]
# They would have an effect on what follows that has nothing to do with what is passed.
const NOT_CALLED: PackedStringArray = ["start", "stop", "stop_now", "connect_to_server", "disconnect_from_server"]

var chance := RandomNumberGenerator.new()
var freed: Node
var calls := 0
var server: TramlineServer
var client: TramlineClient
var ids := PackedInt64Array()


func run() -> void:
	chance.seed = 20
	freed = Node.new()
	freed.free()
	for type in CLASSES: # as they are made, in no tree
		var object: Object = ClassDB.instantiate(type)
		_abuse(object)
		if object is Node:
			object.free()
	await _abuse_in_tree()
	if not await _open("abused"):
		return
	_abuse(server)
	_abuse(client)
	# drop_client() was among the calls, and ends it for good; others have deleted what there was.
	for frame in 30:
		await process_frame
	await seconds(0.3)
	if client.get_state() == TramlineClient.DISCONNECTED:
		print(client.get_state_text())
		client.connect_to_server()
	await until(func() -> bool: return client.get_state() == TramlineClient.LIVE, "a client that was abused is live")
	await until(func() -> bool: return client.get_entities().size() == server.get_entities().size(), "it sees what is left")
	await _bad_values()
	await _within_signals()
	await _from_a_thread()
	await _properties_from_a_thread()
	await _wrong_states()
	await _handlers()
	await _meddlers()
	print("%d calls" % calls)
	check(calls > 2000, "enough calls")
	# And still:
	if await _open("sound"):
		check_near(client.get_transform(ids[0]).origin, Vector3(1, 2, 3), 0.03, "where an entity is seen after all that")
		await _close()


func _open(store: String) -> bool:
	server = new_server(folder(store), [new_kind("cube", TramlineKind.ALLOW, TramlineKind.ALLOW, TramlineKind.ALLOW)])
	if not await start(server):
		return false
	var place := PackedFloat64Array([1, 2, 3, 0, 0, 0, 1])
	ids = server.create_entities("cube", server.create_group(), PackedInt64Array(), place + place)
	check_equal(ids.size(), 2, "how many were made")
	client = new_client(server)
	if not await connect_client(client):
		return false
	var here := await until(func() -> bool: return client.get_entities().size() == 2, "the client sees them")
	await seconds(0.3)
	return here


func _close() -> void:
	client.queue_free()
	server.stop()
	await until(func() -> bool: return server.get_state() == TramlineServer.STOPPED, "the server stops")
	server.queue_free()
	await process_frame


# ---- what is passed ----


func _something() -> Variant:
	match chance.randi_range(0, 29):
		0: return null
		1: return true
		2: return 0
		3: return -1
		4: return 9223372036854775807
		5: return -9223372036854775807 - 1
		6: return NAN
		7: return INF
		8: return -1e300
		9: return ""
		10: return "no such thing"
		11: return "long ".repeat(3000)
		12: return "\u0001ä€𝄞 %s %n/../"
		13: return Vector3(NAN, INF, 0)
		14: return Vector3.ZERO
		15: return Transform3D(Basis(Vector3.ZERO, Vector3.ZERO, Vector3.ZERO), Vector3.ONE)
		16: return Transform3D(Basis(Vector3(NAN, 0, 0), Vector3.ZERO, Vector3.ZERO), Vector3(1e30, 0, 0))
		17: return Quaternion(0, 0, 0, 0)
		18: return [null, 1, "two", []]
		19: return {"position": "here", 5: NAN, "charge": [], "rotation": Vector3()}
		20: return PackedFloat64Array()
		21: return PackedFloat64Array([NAN, INF, -INF, 0, 0, 0, 0])
		22: return PackedInt64Array([0, -1, 1, 9223372036854775807])
		23: return _many()
		24: return PackedByteArray([0, 255, 1, 254])
		25: return freed
		26: return RefCounted.new()
		27: return Callable(self, "no_such_method")
		28: return NodePath("../../../../no/where")
		_: return ids[chance.randi_range(0, ids.size() - 1)] if ids else 1


func _many() -> Variant:
	var many := PackedFloat64Array()
	many.resize(700000)
	many.fill(chance.randf_range(-1e6, 1e6))
	var bytes := PackedByteArray()
	bytes.resize(200000)
	return [many, bytes, PackedInt64Array(ids) + ids + ids][chance.randi_range(0, 2)]


# A value of the right type, so that it comes further.
func _of_type(type: int) -> Variant:
	match type:
		TYPE_INT: return [0, 1, -1, 4611686018427387904, 9223372036854775807][chance.randi_range(0, 4)] if chance.randf() < 0.7 or ids.is_empty() else ids[0]
		TYPE_FLOAT: return [0.0, NAN, INF, -1e308, 1e-320, 5.5][chance.randi_range(0, 5)]
		TYPE_STRING, TYPE_STRING_NAME: return ["", "cube", "tram", "long ".repeat(3000), "ä€𝄞"][chance.randi_range(0, 4)]
		TYPE_VECTOR3: return [Vector3.ZERO, Vector3(NAN, 0, 0), Vector3(1e38, -1e38, 0)][chance.randi_range(0, 2)]
		TYPE_TRANSFORM3D: return [Transform3D(), Transform3D(Basis(Vector3.ZERO, Vector3.ZERO, Vector3.ZERO), Vector3(NAN, 0, 0))][chance.randi_range(0, 1)]
		TYPE_DICTIONARY: return [{}, {"position": Vector3(1, 1, 1)}, {"position": NAN}, {"x": {}}, {7: 7}][chance.randi_range(0, 4)]
		TYPE_PACKED_INT64_ARRAY: return [PackedInt64Array(), ids, PackedInt64Array([0, -5, 1 << 62])][chance.randi_range(0, 2)]
		TYPE_PACKED_FLOAT64_ARRAY: return [PackedFloat64Array(), PackedFloat64Array([1]), PackedFloat64Array([NAN, 0, 0, 0, 0, 0, 0])][chance.randi_range(0, 2)]
		TYPE_PACKED_BYTE_ARRAY: return [PackedByteArray(), "some".to_utf8_buffer(), PackedByteArray([200, 1, 2])][chance.randi_range(0, 2)]
		TYPE_PACKED_STRING_ARRAY: return [PackedStringArray(), PackedStringArray(["cube", "", "ä"])][chance.randi_range(0, 1)]
		TYPE_ARRAY: return [[], [null], [freed], [MultiMesh.new()]][chance.randi_range(0, 3)]
		TYPE_OBJECT: return [null, MultiMesh.new(), Node3D, freed][chance.randi_range(0, 3)]
		_: return _something()


func _abuse(object: Object) -> void:
	var type := object.get_class()
	var before := {}
	for property: Dictionary in ClassDB.class_get_property_list(type, true):
		if property["usage"] & PROPERTY_USAGE_STORAGE:
			before[property["name"]] = object.get(property["name"])
	_abuse_methods(object, type)
	for property: Dictionary in ClassDB.class_get_property_list(type, true):
		if property["usage"] & PROPERTY_USAGE_STORAGE == 0:
			continue
		for round_number in ROUNDS:
			object.set(property["name"], _of_type(property["type"]) if round_number % 2 else _something())
			object.get(property["name"])
			calls += 1
	for property: String in before: # some methods have set properties
		object.set(property, before[property])


func _abuse_methods(object: Object, type: String) -> void:
	for method: Dictionary in ClassDB.class_get_method_list(type, true):
		if method["name"] in NOT_CALLED or method["name"].begins_with("_"):
			continue
		for round_number in ROUNDS:
			var passed := []
			var wanted: Array = method["args"]
			for argument: Dictionary in wanted:
				passed.append(_of_type(argument["type"]) if round_number % 3 > 0 else _something())
			if round_number % 4 == 3: # too few, or too many
				passed.resize(maxi(0, passed.size() + chance.randi_range(-2, 2)))
			object.callv(method["name"], passed)
			calls += 1


# In the tree, with properties that make no sense, started and connected.
func _abuse_in_tree() -> void:
	for round_number in 8:
		var made: Array[Node] = []
		for type: String in ["TramlineServer", "TramlineClient", "TramlineEntity", "TramlineObserver"]:
			var node: Node = ClassDB.instantiate(type)
			for property: Dictionary in ClassDB.class_get_property_list(type, true):
				if property["usage"] & PROPERTY_USAGE_STORAGE:
					node.set(property["name"], _of_type(property["type"]) if chance.randf() < 0.6 else _something())
			if type == "TramlineServer": # a store that no test created would remain
				node.set("store_uri", ["", "sqlite:", "nothing:here", "/proc/nowhere", "sqlite:" + folder("odd")][round_number % 5])
				node.set("entities_max", 1000)
			if type == "TramlineClient":
				node.set("entities_max", 1000)
			root.add_child(node)
			made.append(node)
		made[0].call("start")
		made[1].call("connect_to_server")
		await process_frame
		await process_frame
		for node in made:
			_abuse(node)
		await process_frame
		made.shuffle()
		for node in made:
			node.free()
		await process_frame


# ---- what is of the right type, and yet cannot be ----


func _bad_values() -> void:
	var count := client.get_entities().size()
	check_equal(server.create_entity("no such kind", server.create_group(), Transform3D()), 0, "an entity of no kind")
	check_equal(server.create_entity("cube", 12345, Transform3D()), 0, "an entity in no group")
	check_equal(server.create_entity("cube", server.create_group(), Transform3D(Basis(), Vector3(NAN, 0, 0))), 0, "an entity nowhere")
	check(server.delete_entity(12345) != OK, "no entity cannot be deleted")
	check(server.set_carrier(ids[0], ids[0], Transform3D()) != OK, "no entity is in its own frame")
	check_equal(server.set_transforms(PackedInt64Array([12345, 0]), PackedFloat64Array([0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1])), 0, "no entities are moved")
	check_equal(server.set_transforms(ids, PackedFloat64Array([0])), 0, "nor without enough numbers")
	check_equal(server.set_transforms(ids, PackedFloat64Array([NAN, 0, 0, 0, 0, 0, 1, INF, 0, 0, 0, 0, 0, 1])), 0, "nor to no place")
	check(client.send_message(_of_size(2000)) != OK, "a message that is too large")
	check(server.send_message(99, PackedByteArray([1])) != OK, "a message to no client")
	check_equal(client.request_create("no such kind", Transform3D()), 0, "a request for no kind")
	check(client.set_own_entity(ids[0], Transform3D()) != OK, "what is not one's own")
	await seconds(0.5)
	check_equal(client.get_state(), TramlineClient.LIVE, "the client's state after bad values")
	check_equal(server.get_state(), TramlineServer.RUNNING, "the server's state after that")
	check_equal(client.get_entities().size(), count, "how many entities there are after that")


func _of_size(size: int) -> PackedByteArray:
	var bytes := PackedByteArray()
	bytes.resize(size)
	return bytes


# ---- when and where it is called ----


func _within_signals() -> void:
	var seen := [0]
	var meddle := func(_tick: int, _time_s: float) -> void:
		seen[0] += 1
		server.start()
		server.delete_entity(server.create_entity("cube", server.create_group(), Transform3D()))
		server.set_transforms(ids, server.get_transforms(ids))
		client.disconnect_from_server() if seen[0] == 3 else client.get_transforms()
	server.tick.connect(meddle)
	await until(func() -> bool: return seen[0] > 6, "ticks go on while their signal meddles")
	server.tick.disconnect(meddle)
	check_equal(client.connect_to_server(), OK, "the client connects again")
	await until(func() -> bool: return client.get_state() == TramlineClient.LIVE, "it is live again")
	# The end of a server out of its own tick, and of a client out of its own signal.
	server.tick.connect(func(_tick: int, _time_s: float) -> void: server.stop_now(), CONNECT_ONE_SHOT)
	client.reconnect = false
	client.disconnected.connect(func(_reason: String) -> void: client.queue_free(), CONNECT_ONE_SHOT)
	await until(func() -> bool: return server.get_state() == TramlineServer.STOPPED, "a server stops out of its tick")
	if is_instance_valid(client):
		client.disconnect_from_server()
	await seconds(0.2)
	server.tick.connect(func(_tick: int, _time_s: float) -> void: server.queue_free(), CONNECT_ONE_SHOT)
	var gone := server
	server.start()
	await until(func() -> bool: return not is_instance_valid(gone), "a server is freed out of its tick")
	if is_instance_valid(client):
		client.free()


func _from_a_thread() -> void:
	if not await _open("threads"):
		return
	var thread := Thread.new()
	var of_server := server
	var of_client := client
	var known := ids
	thread.start(func() -> void:
		for _round in 200:
			of_server.set_transforms(known, PackedFloat64Array([0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1]))
			of_server.create_group()
			of_client.get_transforms()
			of_client.send_message(PackedByteArray([1, 2]))
			of_server.get_stats())
	while thread.is_alive():
		await process_frame
	thread.wait_to_finish()
	await seconds(0.3)
	check_equal(server.get_state(), TramlineServer.RUNNING, "the server's state after a thread meddled")
	check_equal(client.get_state(), TramlineClient.LIVE, "the client's state after a thread meddled")


# A node in the tree keeps what it has, and gives nothing away; what is in no tree any thread may make and fill, as those do
# that load scenes.
func _properties_from_a_thread() -> void:
	var made: Array[Object] = [server, client]
	for type: String in ["TramlineEntity", "TramlineObserver"]:
		made.append(ClassDB.instantiate(type))
		root.add_child(made[-1])
	var before := made.map(_stored)
	var free: Object = ClassDB.instantiate("TramlineServer")
	var kind := new_kind("cube")
	var reported := []
	var thread := Thread.new()
	thread.start(func() -> void:
		for object: Object in made:
			for property: String in _stored(object, false):
				for round_number in 3:
					object.set(property, _other_than(object.get_class(), property))
				reported.append(object.get(property))
		free.set("server_name", "made elsewhere")
		reported.append(free.get("server_name"))
		kind.kind_name = "made elsewhere")
	while thread.is_alive():
		await process_frame
	thread.wait_to_finish()
	check_equal(made.map(_stored), before, "the properties of nodes in the tree after a thread has set them")
	check_equal(reported.pop_back(), "made elsewhere", "what a thread sets of a node that is in no tree")
	check_equal(reported.filter(func(value: Variant) -> bool: return str(value) not in ["", "0", "0.0", "false", "[]", "<null>", "<Object#null>"]), [], "what a thread gets of the others")
	check(reported.size() > 20, "enough properties: %d" % reported.size())
	check_equal(kind.kind_name, "made elsewhere", "what a thread sets of a resource")
	made[2].free()
	made[3].free()
	free.free()


func _stored(object: Object, values := true) -> Dictionary:
	var stored := {}
	for property: Dictionary in ClassDB.class_get_property_list(object.get_class(), true):
		if property["usage"] & PROPERTY_USAGE_STORAGE:
			stored[property["name"]] = object.get(property["name"]) if values else null
	return stored


# A value of the property's type that it has not got.
func _other_than(type: String, property: String) -> Variant:
	for info: Dictionary in ClassDB.class_get_property_list(type, true):
		if info["name"] == property:
			return {TYPE_INT: 12345, TYPE_FLOAT: 3.25, TYPE_BOOL: true, TYPE_STRING: "other", TYPE_NODE_PATH: NodePath("other"),
					TYPE_PACKED_STRING_ARRAY: PackedStringArray(["other"]), TYPE_ARRAY: [], TYPE_OBJECT: TramlineKind.new()}[info["type"]]
	return null


func _wrong_states() -> void:
	check(server.start() != OK, "a server that runs is not started again")
	check(client.connect_to_server() != OK, "a client that is connected is not connected again")
	var other := new_server(folder("threads"), server.kinds)
	root.add_child(other)
	check(other.start() != OK or other.get_state() != TramlineServer.RUNNING, "the same name twice does not run at once")
	server.stop_now()
	check_equal(server.create_group(), 0, "a group of a server that does not run")
	check_equal(server.get_transforms(ids).size(), 0, "transforms of a server that does not run")
	check_equal(server.get_entity(ids[0]), {}, "an entity of a server that does not run")
	other.free()
	server.free()
	client.disconnect_from_server()
	client.disconnect_from_server()
	check(client.send_message(PackedByteArray([1])) != OK, "a message of a client that is not connected")
	check_equal(client.request_delete(ids[0]), 0, "a request of a client that is not connected")
	client.free()
	await process_frame


# ---- handlers that return no answer ----


func _handlers() -> void:
	server = new_server(folder("handlers"), [new_kind("cube", TramlineKind.ASK, TramlineKind.ASK, TramlineKind.ASK)])
	if not await start(server):
		return
	client = new_client(server)
	if not await connect_client(client):
		return
	check_equal(await _answer_of(Callable()), ERR_UNAUTHORIZED, "the answer without a handler")
	check_equal(await _answer_of(func(_request: Dictionary) -> bool: return false), ERR_UNAUTHORIZED, "the answer to false")
	check_equal(await _answer_of(func(_request: Dictionary) -> Variant: return "deny"), ERR_UNAUTHORIZED, "the answer to a text")
	check_equal(await _answer_of(func(_request: Dictionary) -> Variant: return 1), ERR_UNAUTHORIZED, "the answer to a number")
	check_equal(await _answer_of(func(_request: Dictionary) -> Variant: return null), ERR_UNAUTHORIZED, "the answer to nothing")
	check_equal(await _answer_of(func() -> bool: return true), ERR_UNAUTHORIZED, "the answer of a handler that takes nothing")
	var waits := func(_request: Dictionary) -> bool:
		await process_frame
		return false
	check_equal(await _answer_of(waits), ERR_UNAUTHORIZED, "the answer of a handler that waits")
	check_equal(client.get_entities().size(), 0, "how many were made without leave")
	check_equal(await _answer_of(func(_request: Dictionary) -> bool: return true), OK, "the answer to true")
	await _drawn()
	var reported := []
	server.stop_now()
	server.failed.connect(func(message: String) -> void: reported.append(message))
	server.server_name = "a name"
	check(server.start() != OK, "a server without a good name does not start")
	await until(func() -> bool: return reported.size() == 1, "a failed start is reported by a signal")
	server.free()
	client.free()
	await process_frame


func _answer_of(handler: Callable) -> int:
	var answers := []
	var keep := func(_request: int, result: int, _id: int) -> void: answers.append(result)
	server.request_handler = handler
	client.request_answered.connect(keep)
	client.request_create("cube", Transform3D(), 0, {}, false)
	await until(func() -> bool: return answers.size() > 0, "a request is answered")
	client.request_answered.disconnect(keep)
	return answers[0] if answers else -1


# What is kept for MultiMeshes goes with them, whether the client is connected or not.
func _drawn() -> void:
	var places := PackedFloat64Array()
	places.resize(7 * 2000)
	for i in 2000:
		places[7 * i + 6] = 1
	server.create_entities("cube", server.create_group(), PackedInt64Array(), places)
	await until(func() -> bool: return client.get_entities().size() > 2000, "the client sees them")
	await _forgets_meshes(func() -> void: pass, "of a client that is live")
	await _forgets_meshes(func() -> void: root.remove_child(client), "of a client that leaves the tree")
	root.add_child(client)
	await _forgets_meshes(client.disconnect_from_server, "of a client that disconnects")


func _forgets_meshes(meanwhile: Callable, what: String) -> void:
	var before := OS.get_static_memory_usage()
	var meshes := []
	for i in 100:
		var multimesh := MultiMesh.new()
		multimesh.transform_format = MultiMesh.TRANSFORM_3D
		client.fill_multimesh(multimesh, "cube")
		meshes.append(multimesh)
	var most := OS.get_static_memory_usage() - before
	check(most > 8000000, "something is kept for MultiMeshes %s: %d bytes" % [what, most])
	meanwhile.call()
	meshes.clear()
	await seconds(1.0)
	var more := OS.get_static_memory_usage() - before
	check(more < 2000000, "%d bytes are kept for MultiMeshes that are gone, %s" % [more, what])


# ---- scripts that run while the client or the server is at work on their nodes ----


class Meddler extends TramlineEntity:
	static var moment := "" # when one meddles: "set", "get", "init"
	static var meddle: Callable # returns whether it did

	var hp := 0:
		set(value):
			hp = value
			if value == 7:
				_at("set")
		get:
			_at("get")
			return hp
	var label := PackedByteArray()

	func _init() -> void:
		_at("init")

	func _at(now: String) -> void:
		if moment != now:
			return
		moment = ""
		if not meddle.call(self):
			moment = now


func _meddlers() -> void:
	await _meddle("set", _leave)
	await _meddle("set", _leave_and_return, true)
	await _meddle("set", _free_client)
	await _meddle("set", _leave_tree, true)
	await _meddle("init", _leave)
	await _meddle("init", _leave_and_return, true)
	await _meddle("init", _free_client)
	await _meddle("init", _free_parent, true)
	await _meddle("get", _free_carrier, true)
	await _meddle("get", _leave_tree, true)
	await _meddle("get", _stop_server)
	await _meddle("get", _free_server)


func _leave(_node: Node) -> bool:
	client.disconnect_from_server()
	return true


func _leave_and_return(_node: Node) -> bool:
	client.disconnect_from_server()
	client.kinds = [] as Array[TramlineKind]
	client.connect_to_server()
	return true


func _free_client(_node: Node) -> bool:
	client.free()
	return true


func _free_parent(_node: Node) -> bool:
	client.get_node(client.spawn_path).free()
	return true


func _leave_tree(node: Node) -> bool:
	if node.is_inside_tree():
		node.get_parent().remove_child(node)
		node.queue_free()
		return true
	return false


func _free_carrier(node: Node) -> bool:
	var carrier := node.get_parent() as Meddler
	if not carrier:
		return false
	carrier.remove_child(node)
	carrier.get_parent().add_child(node)
	carrier.free()
	return true


func _stop_server(_node: Node) -> bool:
	server.stop_now()
	return true


func _free_server(_node: Node) -> bool:
	server.free()
	return true


func _meddled_kinds() -> Array[TramlineKind]:
	var kind := new_kind("thing")
	var fields: Array[TramlineField] = [new_field("position", TramlineField.POSITION, TramlineField.LINEAR), new_field("hp", TramlineField.INTEGER),
		new_field("label", TramlineField.BYTES)]
	fields[1].property = "hp"
	fields[2].property = "label"
	kind.fields = fields
	kind.carrier_reach_m = 20
	var node := TramlineEntity.new()
	node.set_script(Meddler)
	kind.scene = PackedScene.new()
	kind.scene.pack(node)
	node.free()
	return [kind]


func _published(parent: Node) -> TramlineEntity:
	var node := TramlineEntity.new()
	node.set_script(Meddler)
	node.kind = server.kinds[0]
	parent.add_child(node)
	return node


# One that meddles at that moment; whether the client is live after that.
func _meddle(moment: String, meddle: Callable, live := false) -> void:
	var what := "%s in %s" % [meddle.get_method(), moment]
	var there := Node3D.new()
	var here := Node3D.new()
	root.add_child(there)
	root.add_child(here)
	server = new_server(folder("meddle" + str(checks)), _meddled_kinds())
	there.add_child(server)
	if not await start(server):
		return
	client = new_client(server)
	root.add_child(client)
	client.spawn_path = client.get_path_to(here)
	Meddler.meddle = meddle
	Meddler.moment = moment if moment == "init" else ""
	var id := server.create_entity("thing", server.create_group(), Transform3D(), 0, {"hp": 1, "label": "some label".to_utf8_buffer()})
	client.connect_to_server()
	if moment != "init":
		await until(func() -> bool: return here.get_child_count() == 1, "the scene is there")
	if moment == "get":
		_published(_published(there))
		await seconds(0.3)
	if moment != "init":
		Meddler.moment = moment
	server.set_entity(id, {"hp": 7, "label": "another label".to_utf8_buffer()})
	await until(func() -> bool: return Meddler.moment == "", what)
	await seconds(0.2)
	if live:
		await until(func() -> bool: return client.get_state() == TramlineClient.LIVE, "the client is live after " + what)
	if is_instance_valid(client):
		client.free()
	await process_frame
	check(not is_instance_valid(here) or here.get_child_count() == 0, "scenes have gone with their client: " + what)
	there.free()
	if is_instance_valid(here):
		here.free()
	await process_frame

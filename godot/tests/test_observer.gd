extends "harness.gd"
# Where one looks from decides how finely each entity is seen: coarsely from afar, finely from near, wherever the scene's
# origin lies.

const AWAY := 6000.0

var client: TramlineClient
var observer: TramlineObserver
var ids := PackedInt64Array()


func run() -> void:
	var server := new_server(folder("store"), [new_kind("cube")])
	if not await start(server):
		return
	ids = server.create_entities("cube", server.create_group(), PackedInt64Array(), PackedFloat64Array([2, 0, 0, 0, 0, 0, 1, AWAY, 0, 3, 0, 0, 0, 1]))
	client = new_client(server)
	root.add_child(client)
	observer = TramlineObserver.new()
	root.add_child(observer) # it finds the client by itself
	if not await connect_client(client):
		return
	await _sees(ids[0], ids[1], "from the origin")
	observer.position = Vector3(AWAY, 2, 0)
	await _sees(ids[1], ids[0], "from the other end")
	# The scene's origin lies there now, and so does the camera; nothing changes.
	client.set_origin(AWAY, 0, 0)
	observer.position = Vector3(0, 2, 0)
	await seconds(0.5)
	await _sees(ids[1], ids[0], "with the origin there")
	client.set_origin(0, 0, 0)
	await _sees(ids[0], ids[1], "with the origin back")
	# On an entity.
	observer.entity_id = ids[1]
	await _sees(ids[1], ids[0], "from an entity")


func _sees(near: int, far: int, what: String) -> void:
	await until(func() -> bool: return client.has_entity(near) and client.has_entity(far) and client.get_entity(near)["level"] == 0,
			"%s, what is near is seen at the finest level" % what)
	await until(func() -> bool: return client.get_entity(far).get("level", -1) >= 4, "%s, what is far is seen coarsely" % what, 90.0)
	print("%s: near %d, far %d" % [what, client.get_entity(near)["level"], client.get_entity(far)["level"]])
	var off := client.get_transform(far).origin.distance_to(Vector3(2, 0, 0) if far == ids[0] else Vector3(AWAY, 0, 3))
	check(off <= AWAY / 1000.0, "%s, what is far is still where it is: %.2f m off" % [what, off])

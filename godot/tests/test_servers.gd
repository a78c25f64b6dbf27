extends "harness.gd"
# Two servers on one store, in one process: each reads what the other owns, groups are handed over, and adopted when a server
# ends at once.
# Provokes errors.

const TAKEN_OVER_WITHIN_S := 4.0 # of its end; three seconds are promised, of the store's time

var alpha: TramlineServer
var beta: TramlineServer
var adopted := {} # group to the name of the server that reported it last
var group := 0
var ids := PackedInt64Array()


func run() -> void:
	var kinds: Array[TramlineKind] = [new_kind("cube")]
	var store := world("store")
	alpha = new_server(store, kinds, "alpha")
	beta = new_server(store, kinds, "beta")
	for server: TramlineServer in [alpha, beta]:
		server.group_adopted.connect(func(id: int) -> void: adopted[id] = server.server_name)
	if not await start(alpha) or not await start(beta):
		return
	check(alpha.get_server_number() != beta.get_server_number(), "they have numbers of their own")
	await _read()
	await _give()
	await _take_over()


func _read() -> void:
	group = alpha.create_group()
	alpha.keep_group(group)
	var transforms := PackedFloat64Array()
	for index in 100:
		transforms.append_array(PackedFloat64Array([index, 5, 0, 0, 0, 0, 1]))
	ids = alpha.create_entities("cube", group, PackedInt64Array(), transforms)
	await until(func() -> bool: return beta.has_entity(ids[99]), "the other server knows the entities")
	var entity := beta.get_entity(ids[7])
	check_equal(entity["owned"], false, "they are not its own")
	check_equal(entity["owner"], alpha.get_server_number(), "it knows whose they are")
	check_near(entity["transform"].origin, Vector3(7, 5, 0), 0.03, "it knows where they are")
	check_near(place_of(beta.get_transforms(ids), 9), Vector3(9, 5, 0), 0.03, "in bulk, too")
	check_equal(beta.set_transforms(ids, transforms), 0, "it cannot move them")
	check(beta.delete_entity(ids[0]) != OK, "nor delete them")
	check(not beta.owns_group(group), "nor is the group its own")


func _give() -> void:
	check(alpha.give_group(group, 77) != OK, "a group is not given to a server that there is not")
	check_equal(alpha.give_group(group, beta.get_server_number()), OK, "give_group()")
	await until(func() -> bool: return beta.owns_group(group), "the group is the other's")
	check(not alpha.owns_group(group), "and no longer the first one's")
	await until(func() -> bool: return adopted.get(group) == "beta", "a signal reports it")
	beta.keep_group(group)
	check_equal(beta.get_group_entities(group).size(), 100, "entities and all")
	var transforms := beta.get_transforms(ids)
	for index in ids.size():
		transforms[7 * index + 1] = 8.0
	check_equal(beta.set_transforms(ids, transforms), 100, "it moves them")
	await until(func() -> bool: return absf(place_of(alpha.get_transforms(ids), 50).y - 8.0) < 0.03, "which the first one sees")


func _take_over() -> void:
	beta.stop_now()
	var begun_ms := Time.get_ticks_msec()
	await until(func() -> bool: return alpha.owns_group(group), "a server that ended at once is replaced", TAKEN_OVER_WITHIN_S)
	print("adopted after %d ms" % (Time.get_ticks_msec() - begun_ms))
	await until(func() -> bool: return adopted.get(group) == "alpha", "a signal reports it")
	check_equal(alpha.get_group_entities(group).size(), 100, "entities and all")
	check_near(place_of(alpha.get_transforms(ids), 3), Vector3(3, 8, 0), 0.03, "where they were at last")

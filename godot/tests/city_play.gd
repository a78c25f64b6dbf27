extends RefCounted
# Plays the groups of a scenario that a server owns, as `tramline serve` does: what the truth says of a tick is what its
# entities do.

var server: TramlineServer
var truth: RefCounted
var ranges := {} # of each group of the scenario: [first index, count]
var owned := {} # of each group that this server owns: the carriers that its entities have; empty: not yet known
var before_set := Callable() # called when all is known, and about to be told


func _init(of_server: TramlineServer, with_truth: RefCounted) -> void:
	server = of_server
	truth = with_truth
	for group: PackedInt64Array in truth.groups():
		ranges[group[0]] = [group[1], group[2]]
	server.tick.connect(_play)
	server.group_adopted.connect(func(group: int) -> void: owned[group] = PackedInt64Array())
	server.group_lost.connect(func(group: int) -> void: owned.erase(group))


func _play(_tick: int, time_s: float) -> void:
	var ids := PackedInt64Array()
	var transforms := PackedFloat64Array()
	var velocities := PackedFloat64Array()
	for group: int in owned:
		if not ranges.has(group):
			continue # of clients
		var now: Dictionary = truth.own(time_s, ranges[group][0], ranges[group][1])
		_board(group, now)
		ids.append_array(now["ids"])
		transforms.append_array(now["transforms"])
		velocities.append_array(now["velocities"])
	if before_set.is_valid():
		before_set.call()
	if ids:
		server.set_transforms(ids, transforms, velocities)


# Who boards or alights changes its frame; its place is set with everybody's after that.
func _board(group: int, now: Dictionary) -> void:
	var carriers: PackedInt64Array = now["carriers"]
	var known: PackedInt64Array = owned[group]
	if known == carriers:
		return
	for index in carriers.size():
		var id: int = now["ids"][index]
		var before: int = known[index] if known.size() == carriers.size() else server.get_entity(id)["carrier"]
		if carriers[index] != before:
			var t: PackedFloat64Array = now["transforms"].slice(7 * index, 7 * index + 7)
			server.set_carrier(id, carriers[index], Transform3D(Basis(Quaternion(t[3], t[4], t[5], t[6])), Vector3(t[0], t[1], t[2])))
	owned[group] = carriers

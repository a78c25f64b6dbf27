extends RefCounted
# Plays the groups of a scenario that a server owns, as `tramline serve` does: what the truth says of a tick is what its
# entities do.

const UNKNOWN := -1

var server: TramlineServer
var truth: RefCounted
var ranges := {} # of each group of the scenario: [first index, count]
var owned := {} # groups that this server owns
var parts: Array[Vector2i] = [] # what it owns, as few ranges of indices: first and count
var carriers := PackedInt64Array() # of each index: the carrier that its entity has
var before_set := Callable() # called when all is known, and about to be set


func _init(of_server: TramlineServer, with_truth: RefCounted) -> void:
	server = of_server
	truth = with_truth
	for group: PackedInt64Array in truth.groups():
		ranges[group[0]] = Vector2i(group[1], group[2])
		carriers.resize(maxi(carriers.size(), group[1] + group[2]))
	server.tick.connect(_play)
	server.group_adopted.connect(_adopt)
	server.group_lost.connect(_lose)


func _adopt(group: int) -> void:
	if not ranges.has(group):
		return # a client's
	var part: Vector2i = ranges[group]
	for index in range(part.x, part.x + part.y):
		carriers[index] = UNKNOWN
	owned[group] = true
	_divide()


func _lose(group: int) -> void:
	owned.erase(group)
	_divide()


func _divide() -> void:
	var all: Array = owned.keys().map(func(group: int) -> Vector2i: return ranges[group])
	all.sort()
	parts.clear()
	for part: Vector2i in all:
		if parts and parts[-1].x + parts[-1].y == part.x:
			parts[-1].y += part.y
		else:
			parts.append(part)


func _play(_tick: int, time_s: float) -> void:
	var ids := PackedInt64Array()
	var transforms := PackedFloat64Array()
	var velocities := PackedFloat64Array()
	for part in parts:
		var now: Dictionary = truth.own(time_s, part.x, part.y)
		_board(part, now)
		ids.append_array(now["ids"])
		transforms.append_array(now["transforms"])
		velocities.append_array(now["velocities"])
	if before_set.is_valid():
		before_set.call()
	if ids:
		server.set_transforms(ids, transforms, velocities)


# Who boards or alights changes its frame; its place is set with everybody's after that. Everybody is always there.
func _board(part: Vector2i, now: Dictionary) -> void:
	var wanted: PackedInt64Array = now["carriers"]
	if carriers.slice(part.x, part.x + part.y) == wanted:
		return
	for index in part.y:
		var before := carriers[part.x + index]
		if before == wanted[index]:
			continue
		var id: int = now["ids"][index]
		if before == UNKNOWN:
			before = server.get_entity(id)["carrier"]
		if wanted[index] != before:
			var t: PackedFloat64Array = now["transforms"].slice(7 * index, 7 * index + 7)
			server.set_carrier(id, wanted[index], Transform3D(Basis(Quaternion(t[3], t[4], t[5], t[6])), Vector3(t[0], t[1], t[2])))
		carriers[part.x + index] = wanted[index]

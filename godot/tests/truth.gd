extends RefCounted
# What a scenario's entities do at any time, from the program `tramline_truth`: see truth.c.

var _process: Dictionary


func _init(program: String, scenario: String, rng_seed: int, entity_count: int) -> void:
	_process = OS.execute_with_pipe(program, [scenario, str(rng_seed), str(entity_count)])
	assert(not _process.is_empty(), "%s cannot be started" % program)


# Of each group: id, first index, count.
func groups() -> Array[PackedInt64Array]:
	var count := _ask("groups")
	var all: Array[PackedInt64Array] = []
	for group in count:
		all.append(_integers(3))
	return all


# {cabin: its id, seat: PackedFloat64Array of 3}
func ride(rider: int) -> Dictionary:
	_ask("ride %d" % rider)
	var cabin := _integers(1)[0]
	return {"cabin": cabin, "seat": _reals(3)}


# {ids, kinds, carriers, transforms, velocities}, in the carriers' frames.
func own(time_s: float, first: int, count: int) -> Dictionary:
	var here := _ask("own %.9f %d %d" % [time_s, first, count])
	var answer := _entities(here)
	answer["velocities"] = _reals(3 * here)
	return answer


# {ids, kinds, carriers, transforms} of all, in the world's frame.
func world(time_s: float) -> Dictionary:
	return _entities(_ask("world %.9f" % time_s))


func close() -> void:
	(_process["stdio"] as FileAccess).close()
	OS.kill(_process["pid"])


func _entities(count: int) -> Dictionary:
	return {"ids": _integers(count), "kinds": _integers(count), "carriers": _integers(count), "transforms": _reals(7 * count)}


func _ask(line: String) -> int:
	(_process["stdio"] as FileAccess).store_line(line)
	return _integers(1)[0]


func _integers(count: int) -> PackedInt64Array:
	return _bytes(8 * count).to_int64_array()


func _reals(count: int) -> PackedFloat64Array:
	return _bytes(8 * count).to_float64_array()


# A pipe returns what it has, which may be less than was asked for.
func _bytes(count: int) -> PackedByteArray:
	var all := PackedByteArray()
	while all.size() < count:
		var more := (_process["stdio"] as FileAccess).get_buffer(count - all.size())
		assert(not more.is_empty(), "tramline_truth is gone")
		all.append_array(more)
	return all

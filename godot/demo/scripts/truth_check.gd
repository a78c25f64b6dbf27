# Compares what a client sees with the truth, which is known apart from the network. Of the small city everything is known.
# Of the big one the trams and their cabins are, by their timetable; of all others it is checked that each is there once, in
# a street (nobody walks through a house), and, if something carries it, in a cabin.
extends RefCounted

const Layout := preload("layout.gd")
const TramLine := preload("tram_line.gd")
const SmallCity := preload("small_city.gd")

const NEAR_M := 20.0 # nearer than that, 2 cm are allowed: 1 mrad from here
const STREET_HALF_M := 8.0 # from its middle to the houses
const STREET_KINDS: PackedStringArray = ["walker", "car", "thing"]

class Finding:
	var expected := 0
	var seen := 0
	var doubled := 0
	var foreign := 0 # avatars, and what else the truth does not know
	var compared := 0 # with a place that is known exactly
	var over := 0 # more than 2 cm and 1 mrad off
	var over_twice := 0
	var wrong_carrier := 0
	var wrong_kind := 0
	var astray := 0
	var worst_mrad := 0.0
	var worst_m := 0.0

	func missing() -> int:
		return expected - seen

	# What holds also while a view still fills.
	func is_sound() -> bool:
		return doubled == 0 and wrong_carrier == 0 and wrong_kind == 0

	func all_held() -> bool:
		return is_sound() and missing() == 0 and over_twice == 0 and astray == 0

var _layout: Layout
var _small: SmallCity # null: the big city
var _world := PackedFloat64Array() # of the truth: x, z and the rotation's y and w of each
var _seen := PackedByteArray()
var _kind_names := PackedStringArray()


func _init(layout: Layout, entities: int) -> void:
	_layout = layout
	if layout.name == "small":
		_small = SmallCity.new(layout, entities)


# `view`: what get_transforms_at() gave at that time; `observer`: where it is looked at from, in the world.
func check(view: Dictionary, kind_names: PackedStringArray, time_s: float, observer: PackedFloat64Array, expected: int) -> Finding:
	var finding := Finding.new()
	_kind_names = kind_names
	finding.expected = _small.count if _small else expected
	_seen.resize(finding.expected)
	_seen.fill(0)
	if _small:
		_check_small(finding, view, time_s, observer)
	else:
		_check_big(finding, view, time_s, observer)
	return finding


# The trams' own error alone: cheap enough for a display.
func check_trams(transforms: PackedFloat64Array, time_s: float, observer: PackedFloat64Array) -> Finding:
	var finding := Finding.new()
	for tram in transforms.size() / 7 / SmallCity.PARTS:
		for part in SmallCity.PARTS:
			var at := (tram * SmallCity.PARTS + part) * 7
			_compare_tram(finding, transforms, at, time_s, tram, part, observer)
	return finding


func _compare(finding: Finding, transforms: PackedFloat64Array, at: int, x: float, z: float, observer: PackedFloat64Array) -> void:
	var dx := transforms[at] - x
	var dz := transforms[at + 2] - z
	var error_m := sqrt(dx * dx + transforms[at + 1] * transforms[at + 1] + dz * dz)
	dx = x - observer[0]
	dz = z - observer[2]
	var distance_m := sqrt(dx * dx + observer[1] * observer[1] + dz * dz)
	var error_mrad := 1000.0 * error_m / maxf(distance_m, NEAR_M)
	finding.compared += 1
	finding.over += int(not error_mrad <= 1.0)
	finding.over_twice += int(not error_mrad <= 2.0)
	if not error_mrad <= finding.worst_mrad:
		finding.worst_mrad = error_mrad
		finding.worst_m = error_m


func _see(finding: Finding, index: int) -> bool:
	if _seen[index]:
		finding.doubled += 1
		return false
	_seen[index] = 1
	finding.seen += 1
	return true


# --- the small city ---

func _check_small(finding: Finding, view: Dictionary, time_s: float, observer: PackedFloat64Array) -> void:
	_small.evaluate(time_s, 0, _small.count)
	_resolve()
	var ids: PackedInt64Array = view.ids
	var kinds: PackedInt32Array = view.kinds
	var carriers: PackedInt64Array = view.carriers
	var transforms: PackedFloat64Array = view.transforms
	for n in ids.size():
		var index := _small.index_of(ids[n])
		if index < 0:
			finding.foreign += 1
			continue
		if not _see(finding, index):
			continue
		var carrier := _small.carriers[index]
		finding.wrong_carrier += int(carriers[n] != (SmallCity.id_of(carrier) if carrier >= 0 else 0))
		finding.wrong_kind += int(_kind_names[kinds[n]] != _small.kind_of(index))
		_compare(finding, transforms, n * 7, _world[index * 4], _world[index * 4 + 1], observer)


# The truth in the world. All of the city's rotations are about the vertical; a carrier comes before what it carries.
func _resolve() -> void:
	_world.resize(_small.count * 4)
	var t := _small.transforms
	for index in _small.count:
		var x := t[index * 7]
		var z := t[index * 7 + 2]
		var y := t[index * 7 + 4]
		var w := t[index * 7 + 6]
		var carrier := _small.carriers[index]
		if carrier >= 0:
			var cy := _world[carrier * 4 + 2]
			var cw := _world[carrier * 4 + 3]
			var cosine := 1.0 - 2.0 * cy * cy
			var sine := 2.0 * cy * cw
			var turned_x := _world[carrier * 4] + cosine * x + sine * z
			z = _world[carrier * 4 + 1] - sine * x + cosine * z
			x = turned_x
			var turned_y := cy * w + cw * y
			w = cw * w - cy * y
			y = turned_y
		_world[index * 4] = x
		_world[index * 4 + 1] = z
		_world[index * 4 + 2] = y
		_world[index * 4 + 3] = w


# --- the big city ---

func _check_big(finding: Finding, view: Dictionary, time_s: float, observer: PackedFloat64Array) -> void:
	var ids: PackedInt64Array = view.ids
	var kinds: PackedInt32Array = view.kinds
	var carriers: PackedInt64Array = view.carriers
	var transforms: PackedFloat64Array = view.transforms
	var tram_first := finding.expected - _layout.line.tram_count * SmallCity.PARTS
	for n in ids.size():
		var index := (ids[n] & 0xffffffffffff) - 1
		if (ids[n] >> 48) & 0xffff != SmallCity.SERVER or index >= finding.expected:
			finding.foreign += 1
			continue
		if not _see(finding, index):
			continue
		if index >= tram_first:
			var tram := (index - tram_first) / SmallCity.PARTS
			var part := (index - tram_first) % SmallCity.PARTS
			finding.wrong_kind += int(_kind_names[kinds[n]] != ("tram" if part == 0 else "cabin"))
			finding.wrong_carrier += int(carriers[n] != (SmallCity.id_of(index - part) if part else 0))
			_compare_tram(finding, transforms, n * 7, time_s, tram, part, observer)
			continue
		finding.wrong_kind += int(_kind_names[kinds[n]] not in STREET_KINDS)
		if carriers[n]:
			var part := ((carriers[n] & 0xffffffffffff) - 1 - tram_first)
			finding.wrong_carrier += int(part < 0 or part % SmallCity.PARTS == 0)
		elif not _is_in_street(transforms, n * 7, observer):
			finding.astray += 1


func _is_in_street(transforms: PackedFloat64Array, at: int, observer: PackedFloat64Array) -> bool:
	var x := transforms[at] - _layout.origin_x_m
	var z := transforms[at + 2] - _layout.origin_z_m
	var dx := transforms[at] - observer[0]
	var dz := transforms[at + 2] - observer[2]
	var allowed_m := 0.001 * maxf(sqrt(dx * dx + dz * dz), NEAR_M)
	var across_m := minf(absf(x - roundf(x / Layout.BLOCK_M) * Layout.BLOCK_M), absf(z - roundf(z / Layout.BLOCK_M) * Layout.BLOCK_M))
	return across_m < STREET_HALF_M + allowed_m and maxf(absf(x), absf(z)) < _layout.half_m() + STREET_HALF_M + allowed_m


func _compare_tram(finding: Finding, transforms: PackedFloat64Array, at: int, time_s: float, tram: int, part: int,
		observer: PackedFloat64Array) -> void:
	var pose := _layout.line.cabin_pose(time_s, tram, maxi(part - 1, 0))
	_compare(finding, transforms, at, pose.x_m + _layout.origin_x_m, pose.z_m + _layout.origin_z_m, observer)

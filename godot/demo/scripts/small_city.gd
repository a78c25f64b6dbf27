# The small city's truth: where everybody is at any time, from a seed. The server publishes it; a bot, which knows the same
# seed, checks what it sees against it. Order: trams with their cabins, passengers, walkers, cars, things.
extends RefCounted

const Layout := preload("layout.gd")
const TramLine := preload("tram_line.gd")
const Passenger := preload("passenger.gd")

const SERVER := 65534 # the server number that the ids are made under
const GROUP_ENTITIES := 400
const PASSENGERS := 72
const CAR_SHARE := 0.12
const THING_SHARE := 0.12
const PARTS := 1 + TramLine.CABINS
const STRIDE := 7 # numbers of a transform: place and rotation
const SEED := 7

class Loop: # a rounded rectangle, walked or driven for ever, with a pause
	var x0 := 0.0
	var z0 := 0.0
	var x1 := 0.0
	var z1 := 0.0
	var radius := 1.0
	var sign := 1.0 # 1 clockwise from above
	var speed := 1.0
	var pause_s := 0.0
	var shift_s := 0.0
	var length := 0.0

var count := 0
var passenger_first := 0
var walker_first := 0
var car_first := 0
var thing_first := 0
var carriers := PackedInt32Array() # of each entity, at the time last evaluated: an index, or -1
var transforms := PackedFloat64Array() # of each, in its carrier's frame
var velocities := PackedFloat64Array()

var _layout: Layout
var _random := RandomNumberGenerator.new()
var _loops: Array[Loop] = []
var _passengers: Array[Passenger] = []


func _init(layout: Layout, entities: int) -> void:
	_layout = layout
	_random.seed = SEED
	passenger_first = layout.line.tram_count * PARTS
	walker_first = passenger_first + PASSENGERS
	count = maxi(entities, walker_first + 8)
	var rest := count - walker_first
	thing_first = count - int(rest * THING_SHARE)
	car_first = thing_first - int(rest * CAR_SHARE)
	carriers.resize(count)
	carriers.fill(-1)
	transforms.resize(count * STRIDE)
	velocities.resize(count * 3)
	for n in PASSENGERS:
		_passengers.append(Passenger.new(layout, n))
	for index in range(walker_first, thing_first):
		_loops.append(_make_loop(index >= car_first))
	for index in range(thing_first, count):
		_make_thing(index)


static func id_of(index: int) -> int:
	return SERVER << 48 | (index + 1)


# -1: none of this city.
func index_of(id: int) -> int:
	var index := (id & 0xffffffffffff) - 1
	return index if (id >> 48) & 0xffff == SERVER and index < count else -1


func kind_of(index: int) -> String:
	if index < passenger_first:
		return "tram" if index % PARTS == 0 else "cabin"
	return "walker" if index < car_first else "car" if index < thing_first else "thing"


func group_count() -> int:
	return ceili(float(count) / GROUP_ENTITIES)


func group_range(group: int) -> Vector2i:
	return Vector2i(group * GROUP_ENTITIES, mini((group + 1) * GROUP_ENTITIES, count))


# The truth of the entities from `first` to before `last`.
func evaluate(time_s: float, first: int, last: int) -> void:
	for index in range(first, mini(last, passenger_first)):
		_put_tram(index, time_s)
	for index in range(maxi(first, passenger_first), mini(last, walker_first)):
		_put_passenger(index, time_s)
	for index in range(maxi(first, walker_first), mini(last, thing_first)):
		_put_loop(index, _loops[index - walker_first], time_s)


# --- making ---

func _make_loop(car: bool) -> Loop:
	var loop := Loop.new()
	var last := _layout.street_last
	while true:
		var width := _random.randi_range(1, 5 if car else 3)
		var depth := _random.randi_range(1, 5 if car else 3)
		var i := _random.randi_range(-last, last - width)
		var j := _random.randi_range(-last, last - depth)
		loop.x0 = i * Layout.BLOCK_M
		loop.z0 = j * Layout.BLOCK_M
		loop.x1 = loop.x0 + width * Layout.BLOCK_M
		loop.z1 = loop.z0 + depth * Layout.BLOCK_M
		var trams := _layout.is_tram_street(true, j) or _layout.is_tram_street(true, j + depth) \
				or _layout.is_tram_street(false, i) or _layout.is_tram_street(false, i + width)
		if not (car and trams):
			break
	loop.sign = 1.0 if _random.randf() < 0.5 else -1.0
	var inset := Layout.LANE_M * loop.sign if car else Layout.PAVEMENT_M + _random.randf_range(-0.9, 0.9)
	loop.x0 += inset
	loop.z0 += inset
	loop.x1 -= inset
	loop.z1 -= inset
	loop.radius = 5.5 if car else 1.2
	loop.speed = _random.randf_range(6.5, 9.0) if car else _random.randf_range(0.9, 1.7)
	loop.pause_s = 0.0 if car else _random.randf_range(0.0, 40.0)
	loop.length = 2.0 * (loop.x1 - loop.x0 + loop.z1 - loop.z0 - 4.0 * loop.radius) + TAU * loop.radius
	loop.shift_s = _random.randf() * (loop.length / loop.speed + loop.pause_s)
	return loop


func _make_thing(index: int) -> void:
	var along_x := _random.randf() < 0.5
	var parked := _random.randf() < 0.6
	var side := 1.0 if _random.randf() < 0.5 else -1.0
	var last := _layout.street_last
	var street := _random.randi_range(-last + 1, last - 1)
	while _layout.is_tram_street(along_x, street):
		street = _random.randi_range(-last + 1, last - 1)
	var along_m := _random.randi_range(-last, last - 1) * Layout.BLOCK_M + 10.0 + 80.0 * _random.randf()
	var across_m := street * Layout.BLOCK_M + side * (3.9 if parked else 4.6)
	var yaw := (-PI / 2.0 * side if parked else PI if side > 0.0 else 0.0) if along_x else \
			((0.0 if side > 0.0 else PI) if parked else -PI / 2.0 * side)
	_put(index, along_m if along_x else across_m, across_m if along_x else along_m, yaw)


# --- evaluating ---

func _put(index: int, x: float, z: float, yaw: float) -> void:
	var at := index * STRIDE
	transforms[at] = x
	transforms[at + 1] = 0.0
	transforms[at + 2] = z
	transforms[at + 3] = 0.0
	transforms[at + 4] = sin(yaw * 0.5)
	transforms[at + 5] = 0.0
	transforms[at + 6] = cos(yaw * 0.5)


func _put_velocity(index: int, x: float, z: float) -> void:
	velocities[index * 3] = x
	velocities[index * 3 + 2] = z


func _put_loop(index: int, loop: Loop, time_s: float) -> void:
	var local_s := fposmod(time_s + loop.shift_s, loop.length / loop.speed + loop.pause_s)
	var moving := local_s >= loop.pause_s
	var s := (local_s - loop.pause_s) * loop.speed if moving else 0.0
	if loop.sign < 0.0:
		s = loop.length - s
	var r := loop.radius
	var a := loop.x1 - loop.x0 - 2.0 * r
	var b := loop.z1 - loop.z0 - 2.0 * r
	var quarter := PI / 2.0 * r
	var half := a + b + 2.0 * quarter
	var turned := s >= half # the second half is the first one, turned about the middle
	if turned:
		s -= half
	var x := loop.x1
	var z := loop.z0
	var dx := 0.0
	var dz := 1.0
	if s < a:
		x = loop.x0 + r + s
		dx = 1.0
		dz = 0.0
	elif s < a + quarter:
		dx = cos((s - a) / r)
		dz = sin((s - a) / r)
		x = loop.x1 - r + r * dz
		z = loop.z0 + r - r * dx
	elif s < a + quarter + b:
		z = loop.z0 + r + s - a - quarter
	else:
		dx = -sin((s - a - quarter - b) / r)
		dz = cos((s - a - quarter - b) / r)
		x = loop.x1 - r + r * dz
		z = loop.z1 - r - r * dx
	var direction := -loop.sign if turned else loop.sign
	if turned:
		x = loop.x0 + loop.x1 - x
		z = loop.z0 + loop.z1 - z
	_put(index, x, z, atan2(-dx * direction, -dz * direction))
	var speed := loop.speed * direction if moving else 0.0
	_put_velocity(index, dx * speed, dz * speed)


# A tram's frame is that of its front cabin; its cabins are in that frame, and bend away from it in curves.
func _put_tram(index: int, time_s: float) -> void:
	var line := _layout.line
	var tram := index / PARTS
	var part := index % PARTS
	var along_m := line.along_m(time_s, tram)
	var speed := line.speed_mps(time_s, tram)
	var front := line.pose(along_m)
	if part == 0:
		_put(index, front.x_m, front.z_m, TramLine.yaw_of(front))
		_put_velocity(index, front.dx * speed, front.dz * speed)
		return
	carriers[index] = tram * PARTS
	var cabin := line.pose(along_m - (part - 1) * TramLine.CABIN_SPACING_M)
	var x := cabin.x_m - front.x_m
	var z := cabin.z_m - front.z_m
	_put(index, -front.dz * x + front.dx * z, -(front.dx * x + front.dz * z), TramLine.yaw_of(cabin) - TramLine.yaw_of(front))
	var turn := -front.curvature * speed # of the frame, in rad/s
	var vx := (cabin.dx - front.dx) * speed - turn * z
	var vz := (cabin.dz - front.dz) * speed + turn * x
	_put_velocity(index, -front.dz * vx + front.dx * vz, -(front.dx * vx + front.dz * vz))


func _put_passenger(index: int, time_s: float) -> void:
	var passenger := _passengers[index - passenger_first]
	passenger.evaluate(time_s)
	carriers[index] = -1 if passenger.tram < 0 else passenger.tram * PARTS + 1 + passenger.cabin
	_put(index, passenger.x_m, passenger.z_m, passenger.yaw)
	_put_velocity(index, passenger.vx, passenger.vz)

# A passenger who follows the timetable: boards a cabin, takes a seat, rides some stops, alights, waits for the next tram,
# and so on. While riding, the place is in the cabin's frame.
extends RefCounted

const Layout := preload("layout.gd")
const TramLine := preload("tram_line.gd")

const HOP_STOPS := 3
const BOARD_S := 6.0 # after the tram has come
const ALIGHT_S := 2.0
const PACE_MPS := 0.9
const SEAT_ROWS: Array[float] = [-3.6, -2.8, -2.0, -1.2, 1.2, 2.0, 2.8, 3.6]

class Way: # points with straight lines between them, at one pace
	var points := PackedFloat64Array() # x and z by turns
	var times := PackedFloat64Array()

	func add(x: float, z: float, pace_mps: float) -> void:
		var time_s := 0.0
		if times.size() > 0:
			var dx := x - points[points.size() - 2]
			var dz := z - points[points.size() - 1]
			time_s = times[times.size() - 1] + sqrt(dx * dx + dz * dz) / pace_mps
		points.append(x)
		points.append(z)
		times.append(time_s)

	func duration_s() -> float:
		return times[times.size() - 1]

var tram := -1 # now; -1: on foot
var cabin := 0
var x_m := 0.0
var z_m := 0.0
var vx := 0.0
var vz := 0.0
var yaw := 0.0

var _line: TramLine
var _cabin := 0
var _first_tram := 0
var _board_times := PackedFloat64Array() # of each hop
var _alight_times := PackedFloat64Array()
var _stops := PackedInt32Array()
var _base_s := 0.0
var _period_s := 0.0
var _to_seat := Way.new()
var _to_place: Array[Way] = [] # from the door to where one waits; of each hop's last stop


func _init(layout: Layout, number: int) -> void:
	_line = layout.line
	_cabin = number % TramLine.CABINS
	_first_tram = number / TramLine.CABINS % _line.tram_count
	var slot := number / (TramLine.CABINS * _line.tram_count)
	var seat_x := -0.95 if slot & 1 else -0.5
	var seat_z := SEAT_ROWS[(slot / 2 + number * 3) % SEAT_ROWS.size()]
	_to_seat.add(TramLine.DOOR_M, 0.0, PACE_MPS)
	_to_seat.add(0.0, 0.0, PACE_MPS)
	_to_seat.add(0.0, seat_z - 0.1, PACE_MPS)
	_to_seat.add(seat_x, seat_z, PACE_MPS)
	_plan(layout, slot)


# The hops until everything repeats: as many as it takes to be at the first stop again with the first tram.
func _plan(layout: Layout, slot: int) -> void:
	var stop_count := _line.stops.size()
	var stop := (slot * 2 + _cabin) % stop_count
	var time_s := _arrival(stop, 0.0)
	_base_s = time_s + BOARD_S
	var hops := stop_count / HOP_STOPS * _line.tram_count
	for hop in hops:
		var to := (stop + HOP_STOPS) % stop_count
		_board_times.append(time_s + BOARD_S - _base_s)
		var ride_s := fposmod(_line.stops[to].arrive_s - _line.stops[stop].arrive_s, _line.period_s)
		_alight_times.append(time_s + ride_s + ALIGHT_S + _to_seat.duration_s() - _base_s)
		_stops.append(to)
		_to_place.append(_make_wait(layout, to, slot))
		time_s += ride_s + _line.headway_s
		stop = to
	_period_s = time_s + BOARD_S - _base_s


# When the first tram comes to the stop.
func _arrival(stop: int, after_s: float) -> float:
	return after_s + fposmod(_line.stops[stop].arrive_s - _first_tram * _line.headway_s - after_s, _line.period_s)


func _make_wait(layout: Layout, stop: int, slot: int) -> Way:
	var way := Way.new()
	for step: Vector2 in [Vector2(TramLine.DOOR_M, 0.0), Vector2(3.0, 0.0), Vector2(3.3, 1.2 + 0.5 * slot)]:
		var at := _line.pose(_line.stops[stop].along_m - _cabin * TramLine.CABIN_SPACING_M)
		way.add(at.x_m - at.dz * step.x - at.dx * step.y, at.z_m + at.dx * step.x - at.dz * step.y, PACE_MPS)
	return way


func evaluate(time_s: float) -> void:
	var local_s := fposmod(time_s - _base_s, _period_s)
	var hop := _board_times.bsearch(local_s, false) - 1
	var since_s := local_s - _board_times[hop]
	var ride_s := _alight_times[hop] - _board_times[hop]
	if since_s < ride_s:
		tram = posmod(_first_tram - hop, _line.tram_count)
		cabin = _cabin
		var in_s := minf(since_s, ride_s - since_s) # the way out is the way in
		_walk(_to_seat, in_s, 1.0 if since_s * 2.0 < ride_s else -1.0, 0.0)
		return
	tram = -1
	var next_s := _board_times[hop + 1] if hop + 1 < _board_times.size() else _period_s
	var left_s := next_s - local_s
	since_s -= ride_s
	_walk(_to_place[hop], minf(since_s, left_s), 1.0 if since_s < left_s else -1.0, 0.6)


func _walk(way: Way, time_s: float, sign: float, rest_yaw: float) -> void:
	var last := way.times.size() - 1
	if time_s >= way.times[last]:
		x_m = way.points[2 * last]
		z_m = way.points[2 * last + 1]
		vx = 0.0
		vz = 0.0
		yaw = rest_yaw
		return
	var n := way.times.bsearch(time_s, false) - 1
	var part_s := way.times[n + 1] - way.times[n]
	vx = (way.points[2 * n + 2] - way.points[2 * n]) / part_s
	vz = (way.points[2 * n + 3] - way.points[2 * n + 1]) / part_s
	x_m = way.points[2 * n] + vx * (time_s - way.times[n])
	z_m = way.points[2 * n + 1] + vz * (time_s - way.times[n])
	vx *= sign
	vz *= sign
	yaw = atan2(-vx, -vz)

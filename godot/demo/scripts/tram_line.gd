# The tram line: a closed track with rounded corners, the stops on it, and the timetable. A closed form of time, in
# doubles (a script's floats are), so that whoever knows the layout knows where every cabin is, to the millimetre.
#
# The rules are those of the program's own city, so that its trams run on the track that is drawn here.
extends RefCounted

const CABINS := 3
const CABIN_SPACING_M := 10.0
const DOOR_M := 1.25 # to the right of the middle
const PLATFORM_M := 3.0 # where one waits
const CORNER_M := 25.0
const CRUISE_MPS := 12.0
const ACCELERATE_MPS2 := 1.0
const TURN_MPS2 := 1.44
const DWELL_S := 20.0
const CYCLE_S := 60.0 # a lap is whole cycles of the traffic lights

class Element: # a straight line or an arc
	var s_m := 0.0
	var x_m := 0.0
	var z_m := 0.0
	var dx := 0.0
	var dz := 0.0
	var curvature := 0.0 # > 0 turns right
	var length_m := 0.0
	var speed_mps := CRUISE_MPS
	var stops := false # at its end

class Step: # of constant acceleration
	var time_s := 0.0
	var s_m := 0.0
	var speed_mps := 0.0
	var accelerate_mps2 := 0.0

class Stop:
	var along_m := 0.0 # of the front cabin's middle
	var arrive_s := 0.0
	var leave_s := 0.0

class Pose:
	var x_m := 0.0
	var z_m := 0.0
	var dx := 0.0
	var dz := 0.0
	var curvature := 0.0

var elements: Array[Element] = []
var steps: Array[Step] = []
var stops: Array[Stop] = []
var length_m := 0.0
var period_s := 0.0
var tram_count := 0
var headway_s := CYCLE_S

var _step_times := PackedFloat64Array()
var _element_begins := PackedFloat64Array()
var _time_s := 0.0


# `points`: x, z and whether trams stop there, each an Array. The first one is a stop. `headway`: 0 spreads the trams evenly.
func _init(points: Array, trams: int, headway: float) -> void:
	_make_elements(points)
	var stop_count := points.filter(func(point: Array) -> bool: return point[2]).size()
	_make_steps(DWELL_S)
	period_s = ceilf(_time_s / CYCLE_S) * CYCLE_S
	_make_steps(DWELL_S + (period_s - _time_s) / stop_count)
	for step in steps:
		_step_times.append(step.time_s)
	for element in elements:
		_element_begins.append(element.s_m)
	tram_count = trams
	headway_s = headway if headway > 0.0 else period_s / trams


func _make_elements(points: Array) -> void:
	var count := points.size()
	var cut_m := 0.0
	for i in count:
		var from := Vector2(points[i][0], points[i][1])
		var to := Vector2(points[(i + 1) % count][0], points[(i + 1) % count][1])
		var next := Vector2(points[(i + 2) % count][0], points[(i + 2) % count][1])
		var line := Element.new()
		var leg_m := from.distance_to(to)
		line.dx = (to.x - from.x) / leg_m
		line.dz = (to.y - from.y) / leg_m
		line.x_m = from.x + line.dx * cut_m
		line.z_m = from.y + line.dz * cut_m
		line.stops = points[(i + 1) % count][2]
		var arc: Element = null if line.stops else _corner(to, line, (next - to).normalized())
		var next_cut_m := CORNER_M if arc else 0.0
		line.length_m = leg_m - cut_m - next_cut_m
		_add_element(line)
		if arc:
			_add_element(arc)
		cut_m = next_cut_m


# A right angle at `corner`, or nothing where the way goes straight on.
func _corner(corner: Vector2, line: Element, to: Vector2) -> Element:
	var right := -line.dz * to.x + line.dx * to.y
	if absf(right) < 0.5:
		return null
	var arc := Element.new()
	arc.x_m = corner.x - line.dx * CORNER_M
	arc.z_m = corner.y - line.dz * CORNER_M
	arc.dx = line.dx
	arc.dz = line.dz
	arc.curvature = signf(right) / CORNER_M
	arc.length_m = CORNER_M * PI / 2.0
	arc.speed_mps = minf(CRUISE_MPS, sqrt(TURN_MPS2 * CORNER_M))
	return arc


func _add_element(element: Element) -> void:
	element.s_m = length_m
	length_m += element.length_m
	elements.append(element)


func _make_steps(dwell_s: float) -> void:
	steps.clear()
	stops.clear()
	_time_s = 0.0
	_add_stop(0.0, dwell_s)
	var first := 0
	for i in elements.size():
		if elements[i].stops:
			_run(first, i)
			if i + 1 < elements.size():
				_add_stop(elements[i + 1].s_m, dwell_s)
			first = i + 1
	_add_step(length_m, 0.0, 0.0, 1.0) # and stands until the lap is over
	_time_s -= 1.0


func _add_stop(along_m: float, dwell_s: float) -> void:
	var stop := Stop.new()
	stop.along_m = along_m
	stop.arrive_s = _time_s
	_add_step(along_m, 0.0, 0.0, dwell_s)
	stop.leave_s = _time_s
	stops.append(stop)


func _add_step(s_m: float, speed_mps: float, accelerate_mps2: float, for_s: float) -> void:
	if for_s <= 0.0:
		return
	var step := Step.new()
	step.time_s = _time_s
	step.s_m = s_m
	step.speed_mps = speed_mps
	step.accelerate_mps2 = accelerate_mps2
	steps.append(step)
	_time_s += for_s


# From rest to rest over the elements `first` to `last`.
func _run(first: int, last: int) -> void:
	var speeds := PackedFloat64Array()
	speeds.resize(last - first + 2)
	for i in range(last, first, -1): # what one can brake from
		var limit := minf(elements[i - 1].speed_mps, elements[i].speed_mps)
		var after := speeds[i + 1 - first]
		speeds[i - first] = minf(limit, sqrt(after * after + 2.0 * ACCELERATE_MPS2 * elements[i].length_m))
	for i in range(first, last + 1): # what one can reach
		var before := speeds[i - first]
		var reached := sqrt(before * before + 2.0 * ACCELERATE_MPS2 * elements[i].length_m)
		speeds[i + 1 - first] = minf(speeds[i + 1 - first], reached)
		_run_element(elements[i], before, speeds[i + 1 - first])


func _run_element(element: Element, v0: float, v1: float) -> void:
	if v0 >= element.speed_mps - 1e-9 and v1 >= element.speed_mps - 1e-9:
		_add_step(element.s_m, v0, (v1 * v1 - v0 * v0) / (2.0 * element.length_m), 2.0 * element.length_m / (v0 + v1))
		return
	var a := ACCELERATE_MPS2
	var peak := sqrt((2.0 * a * element.length_m + v0 * v0 + v1 * v1) / 2.0)
	peak = maxf(minf(peak, maxf(element.speed_mps, maxf(v0, v1))), maxf(v0, v1))
	var up_m := (peak * peak - v0 * v0) / (2.0 * a)
	var even_m := maxf(element.length_m - up_m - (peak * peak - v1 * v1) / (2.0 * a), 0.0)
	_add_step(element.s_m, v0, a, (peak - v0) / a)
	_add_step(element.s_m + up_m, peak, 0.0, even_m / peak)
	_add_step(element.s_m + up_m + even_m, peak, -a, (peak - v1) / a)


# --- the closed form ---

# How far along the track the front cabin of a tram is.
func along_m(time_s: float, tram: int) -> float:
	var local_s := fposmod(time_s + tram * headway_s, period_s)
	var step := steps[_step_times.bsearch(local_s, false) - 1]
	var for_s := local_s - step.time_s
	return step.s_m + (step.speed_mps + 0.5 * step.accelerate_mps2 * for_s) * for_s


func speed_mps(time_s: float, tram: int) -> float:
	var local_s := fposmod(time_s + tram * headway_s, period_s)
	var step := steps[_step_times.bsearch(local_s, false) - 1]
	return maxf(step.speed_mps + step.accelerate_mps2 * (local_s - step.time_s), 0.0)


func pose(s_m: float) -> Pose:
	s_m = fposmod(s_m, length_m)
	var element := elements[_element_begins.bsearch(s_m, false) - 1]
	var way_m := s_m - element.s_m
	var out := Pose.new()
	if element.curvature == 0.0:
		out.x_m = element.x_m + element.dx * way_m
		out.z_m = element.z_m + element.dz * way_m
		out.dx = element.dx
		out.dz = element.dz
		return out
	out.curvature = element.curvature
	var angle := element.curvature * way_m
	var ahead_m := sin(angle) / element.curvature
	var right_m := (1.0 - cos(angle)) / element.curvature
	out.x_m = element.x_m + element.dx * ahead_m - element.dz * right_m
	out.z_m = element.z_m + element.dz * ahead_m + element.dx * right_m
	out.dx = element.dx * cos(angle) - element.dz * sin(angle)
	out.dz = element.dz * cos(angle) + element.dx * sin(angle)
	return out


# Where cabin 0, 1 or 2 of a tram is.
func cabin_pose(time_s: float, tram: int, cabin: int) -> Pose:
	return pose(along_m(time_s, tram) - cabin * CABIN_SPACING_M)


# The stop at which a tram stands now with its doors open, or -1.
func stop_of(time_s: float, tram: int) -> int:
	var local_s := fposmod(time_s + tram * headway_s, period_s)
	for i in stops.size():
		if local_s >= stops[i].arrive_s and local_s < stops[i].leave_s:
			return i
	return -1


# The stop that a tram comes to next (or stands at), and in how many seconds.
func next_stop(time_s: float, tram: int) -> Array:
	var local_s := fposmod(time_s + tram * headway_s, period_s)
	for i in stops.size():
		if local_s < stops[i].leave_s:
			return [i, maxf(stops[i].arrive_s - local_s, 0.0)]
	return [0, period_s - local_s]


# A transform whose -Z looks along the pose.
static func transform_of(at: Pose) -> Transform3D:
	return Transform3D(Basis(Vector3.UP, yaw_of(at)), Vector3(at.x_m, 0.0, at.z_m))


static func yaw_of(at: Pose) -> float:
	return atan2(-at.dx, -at.dz)

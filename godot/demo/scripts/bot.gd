# Nobody plays: compares all that is seen with the truth, says so once a second, and ends with 0 only if all of it held.
extends Node

const Layout := preload("layout.gd")
const Options := preload("options.gd")
const SmallCity := preload("small_city.gd")
const TruthCheck := preload("truth_check.gd")
const TramLine := preload("tram_line.gd")

const JOIN_S_MAX := 60.0
const QUIET_MS := 4 # after a frame's last datagram
const CHECK_EVERY_S := 1.0
const FILL_S_MAX := 5.0 # after a connection: until then the view may still fill, and be coarse
const OVER_ONE_IN := 1000 # of all places so few may be more than 1 mrad off, and none more than 2
const GAP_S_MAX := 15.0 # between two checks: a server may die meanwhile, and the client go on at another

var _client: TramlineClient
var _layout: Layout
var _options: Options
var _check: TruthCheck
var _expected := 0
var _joined := false
var _since_s := 0.0 # since the beginning, then since all is in view
var _next_s := 0.0
var _last_s := 0.0 # when the last check was
var _gap_s := 0.0 # the longest time between two
var _checked_tick := -1
var _datagrams := 0
var _datagram_ms := 0
var _checks := 0
var _failed := 0
var _over := 0 # places
var _connected_s := 0.0 # when it connected last
var _samples := 0
var _worst_mrad := 0.0


func begin(client: TramlineClient, layout: Layout, options: Options) -> void:
	_client = client
	_layout = layout
	_options = options
	_check = TruthCheck.new(layout, options.entities)
	client.connected.connect(func() -> void: _connected_s = _since_s)
	client.reconnected.connect(func() -> void: _connected_s = _since_s)


# How many entities the big city has is known only once the view is whole: the trams' ids are its last ones.
func _count_big() -> int:
	var last := 0
	for id in _client.get_entities():
		if (id >> 48) & 0xffff == SmallCity.SERVER:
			last = maxi(last, id & 0xffffffffffff)
	return last


func _process(delta: float) -> void:
	_since_s += delta
	if not _joined and _since_s > JOIN_S_MAX:
		_end("saw not everything within %d s: %d entities" % [JOIN_S_MAX, _client.get_entities().size()], 1)
		return
	if _joined and _options.seconds > 0.0 and _since_s >= _options.seconds:
		_finish()
	elif _client.get_state() == TramlineClient.LIVE and _frame_is_whole() and _since_s >= _next_s:
		_next_s = _since_s + (CHECK_EVERY_S if _joined else 0.2)
		_check_view()


func _frame_is_whole() -> bool:
	var datagrams: int = _client.get_stats().datagrams
	var now_ms := Time.get_ticks_msec()
	if datagrams != _datagrams:
		_datagrams = datagrams
		_datagram_ms = now_ms
	return _client.get_frame_tick() > _checked_tick and now_ms - _datagram_ms >= QUIET_MS


# Rides in a cabin, as a player does: that is where the view is finest.
func _observer(time_s: float) -> PackedFloat64Array:
	var tram := _options.ride % _layout.line.tram_count
	var cabin := _options.ride / _layout.line.tram_count % TramLine.CABINS
	var first := 0 if _layout.name == "small" else _expected - _layout.line.tram_count * SmallCity.PARTS
	_client.observe_entity(SmallCity.id_of(first + tram * SmallCity.PARTS + 1 + cabin))
	var pose := _layout.line.cabin_pose(time_s, tram, cabin)
	return PackedFloat64Array([pose.x_m + _layout.origin_x_m, 0.0, pose.z_m + _layout.origin_z_m])


func _check_view() -> void:
	_checked_tick = _client.get_frame_tick()
	if not _joined and _layout.name != "small":
		_expected = _count_big()
	var time_s := _checked_tick / float(_client.get_tick_hz())
	var view := _client.get_transforms_at(_checked_tick, false)
	var finding := _check.check(view, _client.get_kind_names(), time_s, _observer(time_s), _expected)
	if not _joined:
		if finding.seen > 0 and finding.missing() == 0:
			_joined = true
			print("all %d entities in view after %.2f s" % [finding.seen, _since_s])
			_since_s = 0.0
			_connected_s = 0.0
			_next_s = CHECK_EVERY_S
		return
	_gap_s = maxf(_gap_s, _since_s - _last_s)
	_last_s = _since_s
	var filling := _since_s - _connected_s < FILL_S_MAX and finding.is_sound() and (finding.missing() > 0 or finding.over > 0)
	var held := finding.all_held() or filling
	_failed += int(not held)
	if not filling:
		_checks += 1
		_samples += finding.compared
		_over += finding.over
	_worst_mrad = maxf(_worst_mrad, finding.worst_mrad)
	print("%d s: %d of %d in view, %d others, %d compared, worst %.2f mrad (%.3f m), %d kbit/s%s" % [
		int(_since_s), finding.seen, finding.expected, finding.foreign, finding.compared, finding.worst_mrad, finding.worst_m,
		int(_client.get_stats().kbit_s), "  (still fills)" if filling else "" if held else _faults(finding)])


func _faults(finding: TruthCheck.Finding) -> String:
	return "  DOES NOT HOLD: %d missing, %d doubled, %d over 1 mrad, %d over 2, %d in a wrong frame, %d of a wrong kind, %d astray" % [
		finding.missing(), finding.doubled, finding.over, finding.over_twice, finding.wrong_carrier, finding.wrong_kind, finding.astray]


func _finish() -> void:
	if _checks == 0:
		_end("nothing was checked", 1)
	elif maxf(_gap_s, _since_s - _last_s) > GAP_S_MAX:
		_end("%.1f s passed without a check" % maxf(_gap_s, _since_s - _last_s), 1)
	elif _over * OVER_ONE_IN > _samples:
		_end("%d of %d places were more than 1 mrad off" % [_over, _samples], 1)
	elif _failed:
		_end("%d of %d checks did not hold" % [_failed, _checks], 1)
	else:
		_end("all %d checks held: %d places, worst %.2f mrad; at most %.1f s between two" % [
			_checks, _samples, _worst_mrad, _gap_s], 0)


func _end(text: String, code: int) -> void:
	print("bot: ", text)
	set_process(false)
	get_tree().quit(code)

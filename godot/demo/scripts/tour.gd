# Plays by itself, as somebody would: sits, walks to another cabin, gets off at a stop, boards the next tram (or this one again), flies up. Each
# step is checked by what the client sees of its own avatar: the frame that it is in, and that it never jumps.
extends Node

const Layout := preload("layout.gd")
const TramLine := preload("tram_line.gd")
const Player := preload("player.gd")

const WAIT_S_MAX := 400.0 # for a tram
const AVATAR_S_MAX := 10.0
const SIT_S := 4.0
const ABOARD_S := 12.0 # sitting, and walking to the next cabin
const FRESH_S := 10.0
const LOOK_ROUND_S := 3.0 # at the stop
const WALK_MPS := 1.5
const JUMP_M := 0.5 # beyond what a tram and a walk come to between two looks

var _main: Node3D
var _player: Player
var _client: TramlineClient
var _layout: Layout
var _last := Vector3.INF
var _last_s := 0.0
var _jump_m := 0.0
var _problem := ""


func begin(main: Node3D) -> void:
	_main = main
	_player = main.player
	_client = main.client
	_layout = main.layout
	_client.connected.connect(_choose_tram, CONNECT_ONE_SHOT)
	_run()


# The tram that comes to a stop first once it has been walked through.
func _choose_tram() -> void:
	var line := _layout.line
	var now_s := _client.get_server_tick() / _client.get_tick_hz()
	var soonest_s := INF
	for tram in line.tram_count:
		for stop in line.stops:
			var wait_s := fposmod(stop.arrive_s - tram * line.headway_s - now_s, line.period_s)
			if wait_s >= ABOARD_S and wait_s < soonest_s:
				soonest_s = wait_s
				_player.tram = tram


func _run() -> void:
	await _wait_until(func() -> bool: return _player.avatar != 0 and _client.has_entity(_player.avatar), 30.0, "an avatar")
	await _expect_carrier("sits")
	await get_tree().create_timer(SIT_S).timeout
	await _walk_to_next_cabin()
	await _expect_carrier("has walked to cabin %d" % _player.cabin)
	await _wait_until(func() -> bool: return _has_just_come() and _player.alight(), WAIT_S_MAX, "a stop")
	await _wait_until(func() -> bool: return not _player.is_busy(), WAIT_S_MAX, "the way out")
	await _expect_carrier("got off")
	await get_tree().create_timer(LOOK_ROUND_S).timeout
	await _wait_until(func() -> bool: return _player.board(), WAIT_S_MAX, "a tram")
	await _wait_until(func() -> bool: return not _player.is_busy(), WAIT_S_MAX, "the way in")
	_player.sit()
	await _expect_carrier("boarded tram %d" % _player.tram)
	await get_tree().create_timer(SIT_S).timeout
	_player.fly()
	await get_tree().create_timer(1.0).timeout
	if not _problem and _jump_m > JUMP_M:
		_problem = "the avatar jumped by %.2f m" % _jump_m
	print("tour: ", _problem if _problem else "all steps succeeded; the avatar's largest step beside its frame was %.2f m" % _jump_m)
	get_tree().quit(int(_problem != ""))


# Has the tram come to a stop so lately that one can get off and in again?
func _has_just_come() -> bool:
	var line := _layout.line
	var stop := line.stop_of(_player.time_s(), _player.tram)
	return stop >= 0 and fposmod(_player.time_s() + _player.tram * line.headway_s, line.period_s) < line.stops[stop].arrive_s + FRESH_S


func _wait_until(done: Callable, seconds: float, what: String) -> void:
	var until_ms := Time.get_ticks_msec() + int(seconds * 1000.0)
	while not _problem and not done.call():
		if Time.get_ticks_msec() > until_ms:
			_problem = "waited %d s for %s" % [seconds, what]
		await get_tree().process_frame


func _walk_to_next_cabin() -> void:
	var way := 1.0 if _player.cabin < TramLine.CABINS - 1 else -1.0
	var from := _player.cabin
	while _player.cabin == from:
		_player.walk_aboard(Vector3(0, 0, way * WALK_MPS * get_process_delta_time()))
		await get_tree().process_frame


# The avatar is seen in the frame that the player is in.
func _expect_carrier(what: String) -> void:
	var wanted := _player.carrier_id()
	if not _problem and _player.is_carried() != (wanted != 0):
		_problem = "%s, but is not where it should be" % what
	await _wait_until(func() -> bool: return _client.get_entity(_player.avatar).get("carrier", -1) == wanted, AVATAR_S_MAX,
		"the avatar in its new frame (%s)" % what)
	if not _problem:
		print("tour: ", what, ", and is seen there")


# How far the avatar goes between two looks, apart from what carries it: a wrong frame would show as a jump of metres.
func _process(_delta: float) -> void:
	if not _player or _player.avatar == 0 or not _client.has_entity(_player.avatar):
		_last = Vector3.INF
		return
	var now_s := _player.time_s() # what is shown is of that time, however long the frame took
	var at := _player.place_of(_player.avatar).origin
	if _last != Vector3.INF:
		_jump_m = maxf(_jump_m, at.distance_to(_last) - (now_s - _last_s) * (TramLine.CRUISE_MPS + WALK_MPS))
	_last = at
	_last_s = now_s

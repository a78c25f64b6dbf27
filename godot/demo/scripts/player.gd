# The player: sits in a cabin, walks through it, gets off at a stop, walks the streets, boards again, or flies over it all.
# Places are relative to the layout's origin, so that single floats do far away too. In a cabin, the place is in its frame.
extends Node3D

const Layout := preload("layout.gd")
const TramLine := preload("tram_line.gd")
const SmallCity := preload("small_city.gd")

enum Mode { SEATED, ABOARD, ON_FOOT, FLYING }

const EYES_SEATED_M := 1.28
const EYES_M := 1.62
const WALK_MPS := 1.5
const RUN_MPS := 6.0
const FLY_MPS := 40.0
const LED_MPS := 2.4 # through a door
const LOOK_RAD := 0.0032 # a pixel of the mouse
const TURN_RADPS := 1.6 # with the arrow keys
const AISLE_HALF_M := 0.34
const CABIN_HALF_M := 5.0 # from there on one is in the next cabin
const REACH_M := 3.6 # from a door one can board

var mode := Mode.SEATED
var tram := 0
var cabin := 0
var place := Vector3(0.5, 0.0, 1.2) # the feet
var look := Vector2(0.0, 0.0) # yaw and pitch, in the frame of the place
var avatar := 0 # the shared entity that the others see
var camera: Camera3D

var _client: TramlineClient
var _layout: Layout
var _first_id := 0 # of tram 0
var _request := -1
var _asked_s := 0.0
var _velocity := Vector3.ZERO # of the place, in its frame
var _way: Array[Vector3] = [] # that one is led along, in the frame of the place
var _then := Callable() # what comes at its end


func begin(client: TramlineClient, layout: Layout, ride: int) -> void:
	_client = client
	_layout = layout
	tram = ride % layout.line.tram_count
	cabin = ride / layout.line.tram_count % TramLine.CABINS
	camera = Camera3D.new()
	add_child(camera)
	camera.near = 0.06
	camera.far = 40000.0
	camera.fov = 70.0
	camera.look_at_from_position(Vector3(0, 220, 420), Vector3.ZERO) # until it is known where the trams are
	client.request_answered.connect(_on_answer)
	client.entity_left.connect(_on_left)
	client.disconnected.connect(func(_reason: String) -> void: avatar = 0)
	client.own_entity_given_back.connect(func(id: int, _kind_name: String) -> void: avatar = id)
	client.own_entity_lost.connect(_on_left)


# The trams' ids follow one another from `id` on.
func set_first_id(id: int) -> void:
	_first_id = id


func tram_id(of_tram: int) -> int:
	return _first_id + of_tram * SmallCity.PARTS if _first_id else 0


func cabin_id(of_tram: int, of_cabin: int) -> int:
	return tram_id(of_tram) + 1 + of_cabin if _first_id else 0


func time_s() -> float:
	return _client.get_display_tick() / maxf(_client.get_tick_hz(), 1.0)


# Where an entity is now, relative to the origin. Through doubles: a Transform3D of a single-precision build would be a
# metre off, far away.
func place_of(id: int) -> Transform3D:
	var p := _client.get_transforms(PackedInt64Array([id])) if id else PackedFloat64Array()
	if p.size() < 7:
		return Transform3D.IDENTITY
	var basis := Basis(Quaternion(p[3], p[4], p[5], p[6]).normalized())
	return Transform3D(basis, Vector3(p[0] - _layout.origin_x_m, p[1], p[2] - _layout.origin_z_m))


func is_carried() -> bool:
	return mode == Mode.SEATED or mode == Mode.ABOARD


func carrier_id() -> int:
	return cabin_id(tram, cabin) if is_carried() and _client.has_entity(cabin_id(tram, cabin)) else 0


func _process(delta: float) -> void:
	if not _first_id:
		return
	_turn_by_keys(delta)
	var before := place
	var mode_before := mode
	if is_busy():
		_follow_way(delta)
	else:
		_move(delta)
	var in_one_frame := mode == mode_before and delta > 0.0 and before.distance_to(place) < 1.0
	_velocity = (place - before) / delta if in_one_frame else Vector3.ZERO
	_share(delta)
	update_camera()


func _move(delta: float) -> void:
	match mode:
		Mode.SEATED, Mode.ABOARD:
			walk_aboard(_step(delta, WALK_MPS))
		Mode.ON_FOOT:
			place += _step(delta, RUN_MPS if Input.is_physical_key_pressed(KEY_SHIFT) else WALK_MPS)
			place.y = 0.0
		Mode.FLYING:
			_move_flying(delta)


func update_camera() -> void:
	var eyes := EYES_SEATED_M if mode == Mode.SEATED else 0.0 if mode == Mode.FLYING else EYES_M
	var frame := place_of(carrier_id())
	var turned := Basis(Vector3.UP, look.x) * Basis(Vector3.RIGHT, look.y)
	camera.transform = (frame if is_carried() else Transform3D.IDENTITY) * Transform3D(turned, place + Vector3.UP * eyes)
	if carrier_id():
		_client.observe_entity(carrier_id())
	elif not is_carried():
		_client.observe_point(place.x + _layout.origin_x_m, place.y, place.z + _layout.origin_z_m)


# --- moving ---

func _wish() -> Vector3:
	var wish := Vector3.ZERO
	wish.x = _key(KEY_D) - _key(KEY_A)
	wish.z = _key(KEY_S) - _key(KEY_W)
	wish.y = _key(KEY_SPACE) - _key(KEY_CTRL)
	return wish


func _key(code: Key) -> float:
	return 1.0 if Input.is_physical_key_pressed(code) else 0.0


func _turn_by_keys(delta: float) -> void:
	look.x += (_key(KEY_LEFT) - _key(KEY_RIGHT)) * TURN_RADPS * delta
	look.y = clampf(look.y + (_key(KEY_UP) - _key(KEY_DOWN)) * TURN_RADPS * delta, -1.5, 1.5)


func _step(delta: float, speed: float) -> Vector3:
	var wish := _wish()
	wish.y = 0.0
	return Basis(Vector3.UP, look.x) * wish.limit_length() * speed * delta


# Through the tram, from cabin to cabin; a seated player stands up.
func walk_aboard(step: Vector3) -> void:
	if step.is_zero_approx():
		return
	if mode == Mode.SEATED: # stands up first
		mode = Mode.ABOARD
		_way = [Vector3(0, 0, place.z)]
		return
	place.x = clampf(place.x + step.x, -AISLE_HALF_M, AISLE_HALF_M)
	place.z += step.z
	if place.z < -CABIN_HALF_M and cabin > 0:
		cabin -= 1
		place.z += 2.0 * CABIN_HALF_M
	elif place.z > CABIN_HALF_M and cabin < TramLine.CABINS - 1:
		cabin += 1
		place.z -= 2.0 * CABIN_HALF_M
	place.z = clampf(place.z, -4.5 if cabin == 0 else -CABIN_HALF_M, 4.5 if cabin == TramLine.CABINS - 1 else CABIN_HALF_M)


func _move_flying(delta: float) -> void:
	var wish := _wish()
	var speed := FLY_MPS * clampf(place.y / 60.0, 0.3, 6.0) * (4.0 if Input.is_physical_key_pressed(KEY_SHIFT) else 1.0)
	var turned := Basis(Vector3.UP, look.x) * Basis(Vector3.RIGHT, look.y)
	place += (turned * Vector3(wish.x, 0.0, wish.z).limit_length() + Vector3.UP * wish.y) * speed * delta
	place.y = maxf(place.y, 1.0)


# --- boarding and alighting ---

func _input(event: InputEvent) -> void:
	if event is InputEventMouseButton and event.pressed:
		Input.mouse_mode = Input.MOUSE_MODE_CAPTURED
	elif event is InputEventMouseMotion and Input.mouse_mode == Input.MOUSE_MODE_CAPTURED:
		look.x -= event.relative.x * LOOK_RAD
		look.y = clampf(look.y - event.relative.y * LOOK_RAD, -1.5, 1.5)
	elif event is InputEventKey and event.pressed and not event.echo:
		_on_key(event.physical_keycode)


func _on_key(code: Key) -> void:
	match code:
		KEY_ESCAPE:
			Input.mouse_mode = Input.MOUSE_MODE_VISIBLE
		KEY_E:
			if is_carried():
				alight()
			else:
				board()
		KEY_R:
			sit()
		KEY_F:
			fly()
		KEY_T:
			ride_again()


# Only where the doors are open: to the door, and out. One goes on looking in the same direction.
func alight() -> bool:
	if not is_carried() or is_busy() or _layout.line.stop_of(time_s(), tram) < 0:
		return false
	mode = Mode.ABOARD
	_way = [Vector3(0, 0, place.z), Vector3.ZERO, Vector3(TramLine.DOOR_M, 0, 0)]
	_then = _step_out
	return true


func _step_out() -> void:
	if _layout.line.stop_of(time_s(), tram) < 0: # too late
		_way = [Vector3.ZERO]
		return
	var frame := place_of(cabin_id(tram, cabin))
	place = frame * place
	look.x += frame.basis.get_euler().y
	mode = Mode.ON_FOOT
	_way = [frame * Vector3(TramLine.PLATFORM_M, 0, 0)]


# The nearest cabin whose door is open and near.
func board() -> bool:
	if is_carried() or is_busy():
		return false
	var nearest := REACH_M
	var door := Vector3.ZERO
	for of_tram in _layout.line.tram_count:
		if _layout.line.stop_of(time_s(), of_tram) < 0:
			continue
		for of_cabin in TramLine.CABINS:
			var at := place_of(cabin_id(of_tram, of_cabin)) * Vector3(TramLine.DOOR_M, 0, 0)
			if at.distance_to(place) < nearest:
				nearest = at.distance_to(place)
				door = at
				tram = of_tram
				cabin = of_cabin
	if nearest == REACH_M:
		return false
	_way = [door]
	_then = _step_in
	return true


func _step_in() -> void:
	if _layout.line.stop_of(time_s(), tram) < 0:
		return
	var frame := place_of(cabin_id(tram, cabin))
	look.x -= frame.basis.get_euler().y
	place = frame.affine_inverse() * place
	mode = Mode.ABOARD
	_way = [Vector3.ZERO]


# Is one being led through a door?
func is_busy() -> bool:
	return not _way.is_empty()


func _follow_way(delta: float) -> void:
	place = place.move_toward(_way[0], LED_MPS * delta)
	if place.is_equal_approx(_way[0]):
		_way.pop_front()
		if _way.is_empty() and _then.is_valid():
			var then := _then
			_then = Callable()
			then.call()


# On the right side, which is kept free for players.
func sit() -> void:
	if not is_carried() or is_busy():
		return
	var row: float = [-3.6, -2.8, -2.0, -1.2, 1.2, 2.0, 2.8, 3.6].reduce(
		func(best: float, z: float) -> float: return z if absf(z - place.z) < absf(best - place.z) else best)
	mode = Mode.ABOARD
	_way = [Vector3(0, 0, row), Vector3(0.95, 0, row)]
	_then = func() -> void: mode = Mode.SEATED


func fly() -> void:
	_way.clear()
	_then = Callable()
	if mode == Mode.FLYING:
		place.y = 0.0
		mode = Mode.ON_FOOT
		return
	var at := camera.transform
	mode = Mode.FLYING
	place = at.origin + Vector3.UP * 25.0
	look.x = at.basis.get_euler().y


# Back to the seat, from wherever the player is.
func ride_again() -> void:
	_way.clear()
	_then = Callable()
	mode = Mode.SEATED
	place = Vector3(0.95, 0.0, 1.2)
	look = Vector2.ZERO


# What one can do here and now.
func hint() -> String:
	var stop := _layout.line.stop_of(time_s(), tram)
	match mode:
		Mode.SEATED, Mode.ABOARD:
			return "E: get off at %s" % _layout.stop_label(stop) if stop >= 0 else "W A S D: walk through the tram"
		Mode.ON_FOOT:
			return "E: board, when a tram stands here"
	return "F: come down here   T: back to the tram"


# --- the avatar, which everybody else sees ---

func _share(delta: float) -> void:
	_asked_s += delta
	var turned := Transform3D(Basis(Vector3.UP, look.x), place)
	var state := _client.get_state()
	var is_live := state == TramlineClient.LIVE
	if mode == Mode.FLYING or (is_carried() and carrier_id() == 0) or not (is_live or state == TramlineClient.RECONNECTING):
		return
	var values := {"position_velocity": _velocity}
	if not is_carried():
		values["position"] = PackedFloat64Array([place.x + _layout.origin_x_m, place.y, place.z + _layout.origin_z_m])
	if avatar:
		_client.set_own_entity(avatar, turned, carrier_id(), values)
	elif is_live and _asked_s > 1.0:
		_asked_s = 0.0
		_request = _client.request_create("avatar", turned, carrier_id(), values, true)


func _on_answer(request: int, result: int, id: int) -> void:
	if request == _request and result == OK:
		avatar = id


func _on_left(id: int) -> void:
	if id == avatar:
		avatar = 0 # requested again

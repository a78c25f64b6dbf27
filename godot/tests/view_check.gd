extends RefCounted
# Compares all that a client sees with the truth, entity by entity, at the time of its newest frame.

const NEAR_M := 20.0 # nearer than that, 2 cm are allowed; 1 mrad from here
const QUIET_US := 5000
const TOLERANCE_RAD := 0.001

var client: TramlineClient
var truth: RefCounted
var rider: Dictionary # where it looks from
var index_of := {} # by id

var checks := 0
var places := 0
var over := 0
var over_twice := 0
var missing := 0
var surplus := 0
var doubled := 0
var wrong := 0 # carriers and kinds
var worst_mrad := 0.0
var over_of := {} # in how many checks an entity was over, by its id: those that ever were
var last_visible := 0
var last_ok := false

var _checked_tick := -1
var _datagrams := -1
var _datagram_us := 0 # when the last one was seen


func _init(of_client: TramlineClient, with_truth: RefCounted, rider_number: int) -> void:
	client = of_client
	truth = with_truth
	rider = truth.ride(rider_number)


# To be called each frame. True: there is a new frame, whole: its datagrams come one right after another, and no more do.
func is_due() -> bool:
	var datagrams: int = client.get_stats()["datagrams"]
	if datagrams != _datagrams:
		_datagrams = datagrams
		_datagram_us = Time.get_ticks_usec()
	var quiet := Time.get_ticks_usec() - _datagram_us >= QUIET_US
	return quiet and client.get_frame_tick() > _checked_tick and client.get_tick_hz() > 0


# Compares all, now.
func step() -> void:
	var tick := client.get_frame_tick()
	_checked_tick = tick
	_compare(client.get_transforms_at(tick, false), truth.world(float(tick) / client.get_tick_hz()))


func sums_reset() -> void:
	checks = 0
	places = 0
	over = 0
	over_twice = 0
	missing = 0
	surplus = 0
	doubled = 0
	wrong = 0
	worst_mrad = 0.0
	over_of.clear()


# Those that were over in all of the checks.
func always_over() -> Array:
	return over_of.keys().filter(func(id: int) -> bool: return over_of[id] == checks)


func text() -> String:
	return "%d checks, %d in view, worst %.2f mrad, %d of %d over 1 mrad and %d over 2, %d missing, %d left over, %d doubled, %d in a wrong frame" % [
		checks, last_visible, worst_mrad, over, places, over_twice, missing, surplus, doubled, wrong]


func _compare(view: Dictionary, should: Dictionary) -> void:
	var ids: PackedInt64Array = view["ids"]
	var is_at: PackedFloat64Array = view["transforms"]
	var should_at: PackedFloat64Array = should["transforms"]
	var observer := _observer(should)
	var seen := {}
	var faults_before := missing + surplus + doubled + wrong + over_twice
	for index in ids.size():
		var id := ids[index]
		if not _is_of(should, id):
			surplus += int(view["kinds"][index] != 5) # avatars are the clients' own
			continue
		var other: int = index_of[id]
		doubled += int(seen.has(id))
		seen[id] = true
		wrong += int(view["kinds"][index] != should["kinds"][other] or view["carriers"][index] != should["carriers"][other])
		# In doubles, whatever a Vector3 is made of.
		var x := is_at[7 * index] - should_at[7 * other]
		var y := is_at[7 * index + 1] - should_at[7 * other + 1]
		var z := is_at[7 * index + 2] - should_at[7 * other + 2]
		var far_x := should_at[7 * other] - observer[0]
		var far_y := should_at[7 * other + 1] - observer[1]
		var far_z := should_at[7 * other + 2] - observer[2]
		var allowed := TOLERANCE_RAD * maxf(sqrt(far_x * far_x + far_y * far_y + far_z * far_z), NEAR_M)
		var share := sqrt(x * x + y * y + z * z) / allowed
		if not share <= 1.0:
			over += 1
			over_of[id] = over_of.get(id, 0) + 1
		over_twice += int(not share <= 2.0)
		worst_mrad = maxf(worst_mrad, share)
	missing += should["ids"].size() - seen.size()
	places += seen.size()
	checks += 1
	last_visible = seen.size()
	last_ok = missing + surplus + doubled + wrong + over_twice == faults_before and seen.size() > 0


func _is_of(should: Dictionary, id: int) -> bool:
	if index_of.size() != should["ids"].size():
		index_of.clear()
		for index in should["ids"].size():
			index_of[should["ids"][index]] = index
	return index_of.has(id)


# The seat, in the world.
func _observer(should: Dictionary) -> PackedFloat64Array:
	var seat: PackedFloat64Array = rider["seat"]
	if rider["cabin"] == 0 or not _is_of(should, rider["cabin"]):
		return seat
	var t: PackedFloat64Array = should["transforms"].slice(7 * index_of[rider["cabin"]], 7 * index_of[rider["cabin"]] + 7)
	var turned := Quaternion(t[3], t[4], t[5], t[6]) * Vector3(seat[0], seat[1], seat[2])
	return PackedFloat64Array([t[0] + turned.x, t[1] + turned.y, t[2] + turned.z])

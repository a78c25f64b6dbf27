# A server of the small city: publishes where everybody is, each tick, for the groups that it owns.
extends Node

const Options := preload("options.gd")
const Layout := preload("layout.gd")
const Kinds := preload("kinds.gd")
const SmallCity := preload("small_city.gd")

const UNKNOWN := -2 # of a carrier
const FILL_AFTER_S := 1.0 # a new server first learns what its world has

var ends_by_itself := true # after --seconds
var options: Options
var server: TramlineServer

var _city: SmallCity
var _ids := PackedInt64Array()
var _carriers := PackedInt32Array() # as last published
var _filled := false
var _waited_s := 0.0
var _ran_s := 0.0


func _ready() -> void:
	if not options:
		options = Options.read()
	if options.problem:
		printerr(options.problem)
		get_tree().quit(2)
		return
	_city = SmallCity.new(Layout.small(), options.entities)
	_carriers.resize(_city.count)
	_carriers.fill(UNKNOWN)
	for index in _city.count:
		_ids.append(SmallCity.id_of(index))
	server = TramlineServer.new()
	server.store_uri = options.store
	server.server_name = options.server_name
	server.address = "127.0.0.1:%d" % options.port
	server.kinds = Kinds.all()
	add_child(server)
	server.started.connect(_on_started)
	server.tick.connect(_on_tick)
	server.stopped.connect(func() -> void: get_tree().quit())
	get_tree().auto_accept_quit = false # it ends in order
	server.group_adopted.connect(_on_adopted)
	server.failed.connect(func(message: String) -> void: _end(message))
	server.fenced.connect(func(message: String) -> void: _end(message))
	server.client_joined.connect(func(_client: int, client_name: String) -> void: print("server: ", client_name, " has joined"))
	server.client_left.connect(func(_client: int, client_name: String) -> void: print("server: ", client_name, " is gone"))
	if server.start() != OK:
		get_tree().quit(1)


func _end(message: String) -> void:
	printerr("server: ", message)
	get_tree().quit(1)


func _on_started() -> void:
	print("server: listens on port %d, fingerprint %s" % [server.get_port(), server.get_fingerprint()])
	if options.write_ready:
		var file := FileAccess.open(options.write_ready, FileAccess.WRITE)
		file.store_string(JSON.stringify({"name": server.server_name, "port": server.get_port(), "fingerprint": server.get_fingerprint()}))


func _notification(what: int) -> void:
	if what == NOTIFICATION_WM_CLOSE_REQUEST:
		_leave()


# Hands its groups to the other servers, if there are any, and ends.
func _leave() -> void:
	if server and server.get_state() == TramlineServer.RUNNING:
		server.stop()
	else:
		get_tree().quit()


func _process(delta: float) -> void:
	_ran_s += delta
	if ends_by_itself and options.seconds > 0.0 and _ran_s >= options.seconds and server.get_state() == TramlineServer.RUNNING:
		server.stop()
	if _filled or server.get_state() != TramlineServer.RUNNING:
		return
	_waited_s += delta
	if _waited_s >= FILL_AFTER_S:
		_filled = true
		_fill()


# --- what the world has ---

static func group_id(group: int) -> int:
	return SmallCity.SERVER << 48 | (group + 1)


# A world that was filled before has everybody already.
func _fill() -> void:
	if server.has_entity(_ids[0]):
		print("server: goes on with what '%s' has" % options.store)
		return
	_city.evaluate(server.get_time_s(), 0, _city.count)
	_carriers = _city.carriers.duplicate()
	for group in _city.group_count():
		var id := server.create_group(group_id(group))
		var extent := _city.group_range(group)
		var first := extent.x
		while first < extent.y:
			first = _create_run(id, first, extent.y)
	print("server: the city of %d is made" % _city.count)


# From `first` on, as many as are of one kind and in no other's frame, at once; or one that is carried. Gives the next index.
func _create_run(group: int, first: int, end: int) -> int:
	var carrier := _city.carriers[first]
	if carrier >= 0:
		server.create_entity(_city.kind_of(first), group, _transform(first), _ids[carrier], {}, _ids[first])
		return first + 1
	var last := first + 1
	while last < end and _city.kind_of(last) == _city.kind_of(first) and _city.carriers[last] < 0:
		last += 1
	server.create_entities(_city.kind_of(first), group, _ids.slice(first, last),
		_city.transforms.slice(first * SmallCity.STRIDE, last * SmallCity.STRIDE))
	return last


func _transform(index: int) -> Transform3D:
	var at := index * SmallCity.STRIDE
	var t := _city.transforms
	return Transform3D(Basis(Quaternion(t[at + 3], t[at + 4], t[at + 5], t[at + 6])), Vector3(t[at], t[at + 1], t[at + 2]))


# --- each tick ---

func _on_tick(_tick: int, time_s: float) -> void:
	if not _filled:
		return
	for group in _city.group_count():
		if server.owns_group(group_id(group)):
			var extent := _city.group_range(group)
			_publish(time_s, extent.x, mini(extent.y, _city.thing_first)) # things stay where they are


func _publish(time_s: float, first: int, last: int) -> void:
	if last <= first:
		return
	_city.evaluate(time_s, first, last)
	for index in range(maxi(first, _city.passenger_first), mini(last, _city.walker_first)):
		_publish_carrier(index)
	server.set_transforms(_ids.slice(first, last), _city.transforms.slice(first * SmallCity.STRIDE, last * SmallCity.STRIDE),
		_city.velocities.slice(first * 3, last * 3))


# What another server published last of these is not known here.
func _on_adopted(group: int) -> void:
	var number := (group & 0xffffffffffff) - 1
	if number < _city.group_count():
		var extent := _city.group_range(number)
		for index in range(extent.x, extent.y):
			_carriers[index] = UNKNOWN


# Somebody boards or alights.
func _publish_carrier(index: int) -> void:
	if _carriers[index] != _city.carriers[index]:
		_carriers[index] = _city.carriers[index]
		server.set_carrier(_ids[index], _ids[_carriers[index]] if _carriers[index] >= 0 else 0, _transform(index))

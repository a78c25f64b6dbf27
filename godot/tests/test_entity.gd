extends "harness.gd"
# Nodes: what a TramlineEntity does on the server its copy does on the client, spawned by its kind's scene. A person walks
# beside a moving tram, boards it and leaves it again, by being reparented, and is seen to go on without a jump.

const Person := preload("person.gd")
const RADIUS_M := 60.0
const SPEED_MPS := 8.0
const OFF_M_MAX := 0.025 # seen from near, 2 cm are allowed, and some mm for the way between two ticks
const JUMP_M_MAX := 0.01 # from a displayed frame to the next one, besides the way that was gone
const FRAMES := 200 # that are judged, of those whose time the client knows; 95 of 100 must be right

var server: TramlineServer
var client: TramlineClient
var there := Node3D.new() # the server's side
var here := Node3D.new() # the client's
var tram: TramlineEntity
var cabin: TramlineEntity
var person: TramlineEntity
var walks := true # beside the tram, rather than in it
var begun_s := 0.0
var history := {} # of the person: tick to place in the world


func run() -> void:
	Engine.max_fps = 120
	OS.low_processor_usage_mode_sleep_usec = 1000
	there.name = "There"
	here.name = "Here"
	root.add_child(there)
	root.add_child(here)
	var tram_kind := _kind("tram", 30.0)
	var cabin_kind := _kind("cabin", 8.0)
	var person_kind := _kind("person", 0.0)
	person_kind.fields = person_kind.fields + ([_published("health", "health")] as Array[TramlineField])
	var kinds: Array[TramlineKind] = [tram_kind, cabin_kind, person_kind]
	for kind in kinds:
		kind.scene = _scene(kind)
	server = new_server(folder("store"), kinds)
	there.add_child(server)
	if not await start(server):
		return
	begun_s = server.get_time_s()
	_make(tram_kind, cabin_kind, person_kind)
	server.tick.connect(_tick)
	client = new_client(server)
	here.add_child(client)
	Person.shown_by = client
	client.spawn_path = client.get_path_to(here)
	if not await connect_client(client):
		return
	await _spawned()
	await _ride("walks beside the tram")
	_reparent(cabin)
	await _ride("boards")
	check_equal(server.get_entity(person.entity_id)["carrier"], cabin.entity_id, "the carrier of the person who has boarded")
	check_equal(client.get_entity(person.entity_id)["carrier"], cabin.entity_id, "its carrier, seen")
	_reparent(there)
	await _ride("leaves")
	check_equal(client.get_entity(person.entity_id)["carrier"], 0, "the carrier of the person who has left")
	await _published_property()
	await _freed()


func _kind(kind_name: String, reach_m: float) -> TramlineKind:
	var kind := new_kind(kind_name)
	kind.carrier_reach_m = reach_m
	kind.fields = [new_field("position", TramlineField.POSITION, TramlineField.LINEAR),
			new_field("rotation", TramlineField.ROTATION, TramlineField.LINEAR, 0.002)] as Array[TramlineField]
	return kind


func _published(field_name: String, property: String) -> TramlineField:
	var field := new_field(field_name, TramlineField.INTEGER)
	field.property = property
	return field


func _scene(kind: TramlineKind) -> PackedScene:
	var node := TramlineEntity.new()
	node.name = kind.kind_name.capitalize()
	if kind.kind_name == "person":
		node.set_script(Person)
	var scene := PackedScene.new()
	check_equal(scene.pack(node), OK, "pack()")
	node.free()
	return scene


func _make(tram_kind: TramlineKind, cabin_kind: TramlineKind, person_kind: TramlineKind) -> void:
	tram = _entity(tram_kind, there)
	cabin = _entity(cabin_kind, tram)
	cabin.position = Vector3(0, 0, 5)
	_place_tram(begun_s)
	person = _entity(person_kind, there)
	person.global_transform = cabin.global_transform * Transform3D(Basis(), Vector3(2, 0, 1))


func _entity(kind: TramlineKind, parent: Node) -> TramlineEntity:
	var entity := TramlineEntity.new()
	if kind.kind_name == "person":
		entity.set_script(Person)
	entity.kind = kind
	parent.add_child(entity)
	return entity


func _place_tram(time_s: float) -> void:
	var angle := SPEED_MPS * (time_s - begun_s) / RADIUS_M
	tram.transform = Transform3D(Basis(Vector3.UP, angle), Vector3(RADIUS_M * cos(angle), 0, -RADIUS_M * sin(angle)))


# The tram goes round; the person keeps beside or inside, always at the same place as seen from the cabin.
func _tick(tick: int, time_s: float) -> void:
	_place_tram(time_s)
	if is_instance_valid(person) and walks:
		person.global_transform = cabin.global_transform * Transform3D(Basis(), Vector3(2, 0, 1))
	history[tick] = person.global_position if is_instance_valid(person) else Vector3.ZERO


func _reparent(parent: Node) -> void:
	walks = parent == there
	person.reparent(parent, true)


func _copy(entity: TramlineEntity) -> Node3D:
	for node in here.find_children("*", "TramlineEntity", true, false):
		if (node as TramlineEntity).entity_id == entity.entity_id and entity.entity_id != 0:
			return node
	return null


func _spawned() -> void:
	await until(func() -> bool: return tram.entity_id != 0 and cabin.entity_id != 0 and person.entity_id != 0, "the server's nodes are entities")
	for entity: TramlineEntity in [tram, cabin, person]:
		await until(func() -> bool: return _copy(entity) != null, "%s is spawned" % entity.kind.kind_name)
	await seconds(1.0) # how fast it goes shows with its second place


# Where the person was at a time between two ticks.
func _should(tick: float) -> Variant:
	var before := int(floor(tick))
	if not history.has(before) or not history.has(before + 1):
		return null
	return (history[before] as Vector3).lerp(history[before + 1], tick - before)


func _ride(what: String) -> void:
	var copy := _copy(person)
	if not check(copy != null, "the person who %s is there" % what):
		return
	var offs := PackedFloat64Array()
	var jumps := PackedFloat64Array()
	var off_before := Vector3.INF
	var end_ms := Time.get_ticks_msec() + int(1000.0 * TIMEOUT_S)
	while offs.size() < FRAMES and Time.get_ticks_msec() < end_ms:
		await process_frame
		# What was set in the last frame, for the display's time of that frame.
		if not check(is_instance_valid(copy), "the person who %s is still there" % what):
			return
		var tick: float = copy.get("shown_tick")
		var should: Variant = _should(tick)
		if should == null or tick > client.get_frame_tick():
			off_before = Vector3.INF
			continue
		var off := (copy.get("shown_place") as Vector3) - (should as Vector3)
		offs.append(off.length())
		if off_before != Vector3.INF:
			jumps.append(off.distance_to(off_before))
		off_before = off
	offs.sort()
	jumps.sort()
	if not check(offs.size() == FRAMES and jumps.size() > 0, "enough frames: %d" % offs.size()):
		return
	var worst := offs[offs.size() * 95 / 100]
	var jump := jumps[jumps.size() * 95 / 100]
	print("%s: off %.3f m, at most %.3f m; jumps %.3f m, at most %.3f m" % [what, worst, offs[-1], jump, jumps[-1]])
	check(worst <= OFF_M_MAX, "the person who %s is seen where it is: %.3f m off" % [what, worst])
	check(jump <= JUMP_M_MAX, "the person who %s does not jump: %.3f m" % [what, jump])


func _published_property() -> void:
	person.set("health", 77)
	var copy := _copy(person)
	await until(func() -> bool: return copy.get("health") == 77, "a property that the kind names arrives at the copy")


func _freed() -> void:
	var id := person.entity_id
	person.queue_free()
	await until(func() -> bool: return not server.has_entity(id), "the entity goes with its node")
	await until(func() -> bool: return not client.has_entity(id), "on the client, too")
	await process_frame
	await process_frame
	check(here.find_children("*", "TramlineEntity", true, false).all(func(node: Node) -> bool: return node.entity_id != id), "the copy is freed")

extends SceneTree
# Godot's own replication, as its manual tells to set it up: a MultiplayerSpawner makes a Node3D on the client for each
# entity, a MultiplayerSynchronizer in it carries its position and rotation, over ENet.
#
#   godot --headless --path . --script synchronizer.gd -- server|client PORT ENTITIES
#
# What the driver must know stands on lines of its own, each beginning with "@": see bench.py.

const Motion := preload("motion.gd")
const TICK_HZ := 20
const WINDOW_S := 8.0 # the processor and the bytes are measured
const COUNT_S := 4.0 # then, apart from that, updates are counted
const REST_S := 3.0 # then everybody stands still, and is compared


# Holds what travels besides the entities, under the same path on both sides.
class Talk:
	extends Node
	var bench: SceneTree

	@rpc("any_peer", "call_remote", "reliable")
	func rest() -> void:
		bench.resting = true

	@rpc("authority", "call_remote", "reliable")
	func rested(time_s: float) -> void:
		bench.rest_time_s = time_s


var entity_count := 0
var is_server := false
var entities: Node3D
var talk: Talk
var tick := 0
var tick_times := PackedFloat64Array() # when each was made
var game_us := 0
var resting := false
var rest_time_s := -1.0
var updates := 0
var phase := "joining"
var phase_end_s := 0.0


func _initialize() -> void:
	var arguments := OS.get_cmdline_user_args()
	is_server = arguments[0] == "server"
	entity_count = int(arguments[2])
	_make_world()
	var peer := ENetMultiplayerPeer.new()
	var port := int(arguments[1])
	var error := peer.create_server(port, 4) if is_server else peer.create_client("127.0.0.1", port)
	if error != OK:
		push_error("no ENet peer on port %d: %s" % [port, error_string(error)])
		quit(1)
		return
	get_multiplayer().multiplayer_peer = peer
	Engine.max_fps = TICK_HZ if is_server else 60


func _make_world() -> void:
	var world := Node.new()
	world.name = "World"
	talk = Talk.new()
	talk.name = "Talk"
	talk.bench = self
	entities = Node3D.new()
	entities.name = "Entities"
	var spawner := MultiplayerSpawner.new()
	spawner.name = "Spawner"
	spawner.spawn_function = _make_entity
	world.add_child(talk)
	world.add_child(entities)
	world.add_child(spawner)
	root.add_child(world)
	spawner.spawn_path = NodePath("../Entities")


func _make_entity(index: Variant) -> Node:
	var config := SceneReplicationConfig.new()
	for property: NodePath in [NodePath(".:position"), NodePath(".:rotation")]:
		config.add_property(property)
		config.property_set_spawn(property, true)
		config.property_set_replication_mode(property, SceneReplicationConfig.REPLICATION_MODE_ALWAYS)
	var synchronizer := MultiplayerSynchronizer.new()
	synchronizer.name = "Synchronizer"
	synchronizer.replication_config = config
	var entity := Node3D.new()
	entity.name = str(index)
	entity.transform = Motion.place(index, 0.0)
	entity.add_child(synchronizer)
	return entity


func _process(_delta: float) -> bool:
	if is_server:
		if tick == 0:
			for index in entity_count:
				root.get_node("World/Spawner").spawn(index)
			print("@listening")
		_server_tick()
	elif entities.get_child_count() == entity_count:
		_client_phase(Time.get_unix_time_from_system())
	return false


func _server_tick() -> void:
	if resting:
		if rest_time_s < 0.0:
			rest_time_s = float(tick) / TICK_HZ
			print("@ticks ", JSON.stringify({"times": Array(tick_times), "game_us": game_us}))
		talk.rested.rpc(rest_time_s)
		return
	tick += 1
	tick_times.append(Time.get_unix_time_from_system())
	var begun_us := Motion.cpu_us()
	for index in entity_count:
		(entities.get_child(index) as Node3D).transform = Motion.place(index, float(tick) / TICK_HZ)
	game_us += Motion.cpu_us() - begun_us


func _client_phase(now_s: float) -> void:
	if now_s < phase_end_s:
		return
	match phase:
		"joining":
			_enter("settling", now_s + 2.0)
		"settling":
			print("@window begins")
			_enter("window", now_s + WINDOW_S)
		"window":
			print("@window ends")
			for entity in entities.get_children():
				(entity.get_node("Synchronizer") as MultiplayerSynchronizer).synchronized.connect(_count)
			print("@count ", JSON.stringify({"from": now_s}))
			_enter("counting", now_s + COUNT_S)
		"counting":
			print("@counted ", JSON.stringify({"to": now_s, "updates": updates}))
			talk.rest.rpc_id(1)
			_enter("resting", now_s + REST_S)
		"resting":
			_compare()
			quit()


func _enter(next: String, until_s: float) -> void:
	phase = next
	phase_end_s = until_s


func _count() -> void:
	updates += 1


func _compare() -> void:
	var in_step := 0
	for index in entity_count:
		var entity := entities.get_node_or_null(str(index)) as Node3D
		if entity and rest_time_s >= 0.0 and entity.position.distance_to(Motion.place(index, rest_time_s).origin) < 0.02:
			in_step += 1
	print("@result ", JSON.stringify({"in_step": in_step}))

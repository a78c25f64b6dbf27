extends RefCounted
# Compares what a client shows of all entities, in MultiMeshes and, of some, by nodes, with what the library's own view says
# of the same moment in doubles: how far off it is, and how much further it goes from one displayed frame to the next.
#
# With doubles places are the world's: nodes are at them, and a MultiMesh, whose numbers are always single, hangs on a node
# that is near what it shows. Without, they are relative to the client's origin.

const NODES := 64
const JITTER_S_MAX := 0.2 # between two frames that are compared; a visible jitter is from one to the next

var client: TramlineClient
var origin: PackedFloat64Array # that places shown are near
var offset := Vector3.ZERO # of the MultiMeshes, and nodes', from the client's origin

var frames := 0
var places := 0
var worst_m := 0.0 # of the MultiMeshes
var worst_step_m := 0.0
var node_places := 0
var worst_node_m := 0.0
var worst_node_step_m := 0.0
var faults := [] # whatever else is not as it should be

var _kinds: PackedStringArray
var _meshes: Array[MultiMesh] = []
var _nodes := {} # by entity id
var _before := {} # by entity id: its last error, of the MultiMesh and of the node
var _before_s := 0.0


func _init(of_client: TramlineClient, at: PackedFloat64Array) -> void:
	client = of_client
	origin = at
	if OS.has_feature("double"):
		offset = Vector3(at[0], at[1], at[2])
	else:
		client.set_origin(at[0], at[1], at[2])
	_kinds = client.get_kind_names()
	for kind in _kinds:
		var mesh := MultiMesh.new()
		mesh.transform_format = MultiMesh.TRANSFORM_3D
		_meshes.append(mesh)
	var ids := client.get_entities()
	for index in range(0, ids.size(), maxi(1, ids.size() / NODES)):
		var node := TramlineEntity.new()
		node.entity_id = ids[index]
		client.get_tree().root.add_child(node)
		node.client = node.get_path_to(client)
		client.get_tree().root.remove_child(node) # it looks for its client as it comes in
		client.get_tree().root.add_child(node)
		_nodes[ids[index]] = node


func close() -> void:
	for node: Node in _nodes.values():
		node.queue_free()
	client.set_origin(0, 0, 0)


# Between two frames: all that is shown is of the display's time.
func step() -> void:
	var view := client.get_transforms_at(client.get_display_tick(), true)
	var ids: PackedInt64Array = view["ids"]
	var should: PackedFloat64Array = view["transforms"]
	var of_kind: PackedInt32Array = view["kinds"]
	var buffers := []
	var filled := PackedInt64Array()
	for kind in _kinds.size():
		filled.append(client.fill_multimesh(_meshes[kind], _kinds[kind], offset))
		buffers.append(_meshes[kind].buffer)
	var now_s := Time.get_ticks_msec() / 1000.0
	var next := PackedInt64Array()
	next.resize(_kinds.size())
	var follows := now_s - _before_s < JITTER_S_MAX
	var errors := {}
	for index in ids.size():
		var kind := of_kind[index]
		var at := 12 * next[kind] # the view and the MultiMeshes have them in one order
		next[kind] += 1
		var buffer: PackedFloat32Array = buffers[kind]
		if at + 12 > buffer.size():
			continue
		var x := buffer[at + 3] + origin[0] - should[7 * index]
		var y := buffer[at + 7] + origin[1] - should[7 * index + 1]
		var z := buffer[at + 11] + origin[2] - should[7 * index + 2]
		var off := sqrt(x * x + y * y + z * z)
		worst_m = maxf(worst_m, off)
		var error := Vector3(x, y, z) # small: a single-precision Vector3 does
		var id := ids[index]
		if follows and _before.has(id):
			worst_step_m = maxf(worst_step_m, error.distance_to(_before[id][0]))
		errors[id] = [error, _node_error(id, should.slice(7 * index, 7 * index + 3), follows)]
	if next != filled:
		faults.append("the MultiMeshes have %s, the view %s of each kind" % [filled, next])
	places += ids.size()
	frames += 1
	_before = errors
	_before_s = now_s


func _node_error(id: int, should: PackedFloat64Array, follows: bool) -> Variant:
	if not _nodes.has(id):
		return null
	var shown: Vector3 = (_nodes[id] as Node3D).global_position - offset
	var error := Vector3(shown.x + origin[0] - should[0], shown.y + origin[1] - should[1], shown.z + origin[2] - should[2])
	worst_node_m = maxf(worst_node_m, error.length())
	node_places += 1
	if follows and _before.has(id) and _before[id][1] != null:
		worst_node_step_m = maxf(worst_node_step_m, error.distance_to(_before[id][1]))
	return error


func text() -> String:
	return "%d frames, %d places in MultiMeshes, %.3f mm off at most, %.3f mm from frame to frame; %d of nodes, %.3f mm, %.3f mm" % [frames, places,
			1000.0 * worst_m, 1000.0 * worst_step_m, node_places, 1000.0 * worst_node_m, 1000.0 * worst_node_step_m]

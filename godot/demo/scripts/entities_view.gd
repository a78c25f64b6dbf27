# All entities of the client's view, one MultiMesh a kind. One call a frame fills them all.
extends Node3D

const Shapes := preload("res://look/shapes.gd")
const Kinds := preload("kinds.gd")

const REACH_M := 20000.0

var counts := PackedInt32Array() # of each kind, as drawn in the last frame
var fill_ms := 0.0 # how long a frame's filling takes, smoothed

var _client: TramlineClient
var _meshes: Array[MultiMesh] = []


func build(client: TramlineClient) -> void:
	_client = client
	for kind_name in Kinds.NAMES:
		var many := MultiMesh.new()
		many.transform_format = MultiMesh.TRANSFORM_3D
		many.use_custom_data = true # two numbers that stay with the entity, its speed, its level
		many.mesh = Shapes.of_kind(kind_name)
		many.custom_aabb = AABB(Vector3.ONE * -REACH_M, Vector3.ONE * 2.0 * REACH_M)
		_meshes.append(many)
		var shown := MultiMeshInstance3D.new()
		shown.multimesh = many
		if kind_name in ["walker", "thing", "avatar"]:
			shown.cast_shadow = GeometryInstance3D.SHADOW_CASTING_SETTING_OFF
		add_child(shown)


func _process(_delta: float) -> void:
	var begun_us := Time.get_ticks_usec()
	counts = _client.update_multimeshes(_meshes, Kinds.NAMES)
	fill_ms = lerpf(fill_ms, (Time.get_ticks_usec() - begun_us) / 1000.0, 0.05)

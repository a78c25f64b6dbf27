# Builds small meshes of boxes with a colour, a paint slot, a shine and a part for each: see shaders/things.gdshader.
extends RefCounted

const FIXED := 0.0
const PAINT := 1.0
const PAINT_2 := 2.0

# Of the boxes that follow.
var colour := Color.WHITE
var slot := FIXED
var shine := 0.0
var part := 0.0
var swing := 0.0
var turn := Transform3D.IDENTITY

var _places := PackedVector3Array()
var _normals := PackedVector3Array()
var _colours := PackedFloat32Array() # a vertex's own COLOR would be multiplied by the MultiMesh's colours: zero, if unset
var _uvs := PackedVector2Array()
var _uv2s := PackedVector2Array()
var _indices := PackedInt32Array()


func with(new_colour: Color, new_slot := FIXED, new_shine := 0.0) -> RefCounted:
	colour = new_colour
	slot = new_slot
	shine = new_shine
	return self


func quad(a: Vector3, b: Vector3, c: Vector3, d: Vector3) -> void: # clockwise, seen from outside
	var normal := (turn.basis * (c - a).cross(b - a)).normalized()
	if not normal.is_normalized():
		normal = (turn.basis * (d - a).cross(c - a)).normalized() # b and c are one
	var first := _places.size()
	for corner: Vector3 in [a, b, c, d]:
		_places.append(turn * corner)
		_normals.append(normal)
		_colours.append_array([colour.r, colour.g, colour.b, 1.0])
		_uvs.append(Vector2(slot, shine))
		_uv2s.append(Vector2(part, swing))
	_indices.append_array([first, first + 1, first + 2, first, first + 2, first + 3])


# A box from `low` to `high`, whose top is `taper` as wide and deep as its foot, moved by `lean`. No underside, unless asked for.
func box(low: Vector3, high: Vector3, taper := Vector2.ONE, lean := Vector3.ZERO, underside := false) -> void:
	var middle := (low + high) * 0.5
	var half := (high - low) * 0.5
	var p: Array[Vector3] = []
	for y: float in [low.y, high.y]:
		var scale := Vector2.ONE if y == low.y else taper
		var shift := Vector3.ZERO if y == low.y else lean
		for corner: Vector2 in [Vector2(-1, -1), Vector2(1, -1), Vector2(1, 1), Vector2(-1, 1)]:
			p.append(shift + Vector3(middle.x + corner.x * half.x * scale.x, y, middle.z + corner.y * half.z * scale.y))
	quad(p[4], p[5], p[6], p[7])
	quad(p[1], p[5], p[4], p[0])
	quad(p[2], p[6], p[5], p[1])
	quad(p[3], p[7], p[6], p[2])
	quad(p[0], p[4], p[7], p[3])
	if underside:
		quad(p[3], p[2], p[1], p[0])


# The same by its middle, its size, and standing on `foot`.
func block(x: float, foot: float, z: float, width: float, height: float, depth: float, underside := false) -> void:
	box(Vector3(x - width / 2, foot, z - depth / 2), Vector3(x + width / 2, foot + height, z + depth / 2), Vector2.ONE,
		Vector3.ZERO, underside)


# A cone or a column of `sides`, upright.
func column(middle: Vector3, height: float, radius: float, top_radius: float, sides: int) -> void:
	for i in sides:
		var a := TAU * i / sides
		var b := TAU * (i + 1) / sides
		var from := Vector3(cos(a), 0, sin(a))
		var to := Vector3(cos(b), 0, sin(b))
		var up := Vector3.UP * height
		quad(middle + from * radius, middle + from * top_radius + up, middle + to * top_radius + up, middle + to * radius)
		if top_radius > 0.0:
			quad(middle + up, middle + to * top_radius + up, middle + from * top_radius + up, middle + up)


# A flat patch on the ground that shines: for shaders/glow.gdshader, UV runs over it.
func patch(low: Vector2, high: Vector2, y: float) -> void:
	var first := _places.size()
	for corner: Vector2 in [Vector2(0, 0), Vector2(1, 0), Vector2(1, 1), Vector2(0, 1)]:
		_places.append(turn * Vector3(lerpf(low.x, high.x, corner.x), y, lerpf(low.y, high.y, corner.y)))
		_normals.append(Vector3.UP)
		_colours.append_array([colour.r, colour.g, colour.b, 1.0])
		_uvs.append(corner)
		_uv2s.append(Vector2(part, swing))
	_indices.append_array([first, first + 1, first + 2, first, first + 2, first + 3])


# Adds what was built to a mesh as a surface, and begins the next.
func finish(mesh: ArrayMesh, material: Material) -> void:
	var arrays := []
	arrays.resize(Mesh.ARRAY_MAX)
	arrays[Mesh.ARRAY_VERTEX] = _places
	arrays[Mesh.ARRAY_NORMAL] = _normals
	arrays[Mesh.ARRAY_CUSTOM0] = _colours
	arrays[Mesh.ARRAY_TEX_UV] = _uvs
	arrays[Mesh.ARRAY_TEX_UV2] = _uv2s
	arrays[Mesh.ARRAY_INDEX] = _indices
	mesh.add_surface_from_arrays(Mesh.PRIMITIVE_TRIANGLES, arrays, [], {}, Mesh.ARRAY_CUSTOM_RGBA_FLOAT << Mesh.ARRAY_FORMAT_CUSTOM0_SHIFT)
	mesh.surface_set_material(mesh.get_surface_count() - 1, material)
	_places = PackedVector3Array()
	_normals = PackedVector3Array()
	_colours = PackedFloat32Array()
	_uvs = PackedVector2Array()
	_uv2s = PackedVector2Array()
	_indices = PackedInt32Array()

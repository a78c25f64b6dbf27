# The houses of all blocks: lots around a yard, higher towards the middle of the city. From a seed, always the same.
extends Node3D

const Layout := preload("res://scripts/layout.gd")
const MeshMaker := preload("mesh_maker.gd")
const Shapes := preload("shapes.gd")
const BUILDING := preload("res://shaders/building.gdshader")

const CHUNK := 5 # blocks along an edge of what is drawn or left out together
const TRACK_CLEAR_M := 3.4 # from the middle of the track
const SEED := 20260
const PARAPET_M := 0.9

class Chunk:
	var places: Array[Transform3D] = []
	var customs: Array[Color] = []
	var trees: Array[Transform3D] = []
	var tree_customs: Array[Color] = []
	var parks: Array[Transform3D] = []

var _layout: Layout
var _random := RandomNumberGenerator.new()
var _mesh: BoxMesh
var _tree: Mesh
var _park: Mesh
var _bends := PackedVector2Array() # points of the track where it leaves the streets' middle


func build(layout: Layout) -> void:
	_layout = layout
	_mesh = BoxMesh.new()
	var material := ShaderMaterial.new()
	material.shader = BUILDING
	_mesh.material = material
	_tree = _make_tree()
	_park = _make_park_ground()
	for element in layout.line.elements:
		if element.curvature != 0.0:
			for n in 17:
				var at := layout.line.pose(element.s_m + element.length_m * n / 16.0)
				_bends.append(Vector2(at.x_m, at.z_m))
	var last := layout.street_last
	for i in range(-last, last, CHUNK):
		for j in range(-last, last, CHUNK):
			_make_chunk(i, j)


func _make_chunk(from_i: int, from_j: int) -> void:
	var chunk := Chunk.new()
	for i in range(from_i, mini(from_i + CHUNK, _layout.street_last)):
		for j in range(from_j, mini(from_j + CHUNK, _layout.street_last)):
			_random.seed = hash([SEED, i, j])
			_make_block(chunk, i * Layout.BLOCK_M, j * Layout.BLOCK_M)
	_show(_mesh, chunk.places, chunk.customs, true)
	_show(_tree, chunk.trees, chunk.tree_customs, false)
	if chunk.parks:
		_show(_park, chunk.parks, [], false)


func _show(mesh: Mesh, places: Array[Transform3D], customs: Array[Color], shadow: bool) -> void:
	var many := MultiMesh.new()
	many.transform_format = MultiMesh.TRANSFORM_3D
	many.use_custom_data = not customs.is_empty()
	many.mesh = mesh
	many.instance_count = places.size()
	for n in places.size():
		many.set_instance_transform(n, places[n])
		if customs:
			many.set_instance_custom_data(n, customs[n])
	var out := MultiMeshInstance3D.new()
	out.multimesh = many
	if not shadow:
		out.cast_shadow = GeometryInstance3D.SHADOW_CASTING_SETTING_OFF
	add_child(out)


# How high the city is there, 0..1: a hill of houses around its middle, and a second one at B.
func _height_at(x_m: float, z_m: float) -> float:
	var reach := _layout.half_m()
	var middle := Vector2(x_m, z_m).length() / (0.45 * reach)
	var east := Vector2(x_m - 0.55 * reach, z_m + 0.1 * reach).length() / (0.2 * reach)
	return minf(exp(-middle * middle) + 0.6 * exp(-east * east), 1.0)


func _make_block(chunk: Chunk, x_m: float, z_m: float) -> void:
	var high := _height_at(x_m + 50.0, z_m + 50.0)
	if _random.randf() < 0.07:
		_make_park(chunk, x_m, z_m)
		return
	var columns := 2 + _random.randi_range(0, 2)
	var rows := 2 + _random.randi_range(0, 2)
	var low := Layout.FACE_M + 0.3
	var width := Layout.BLOCK_M - 2.0 * low
	for column in columns:
		for row in rows:
			var inner := column > 0 and column < columns - 1 and row > 0 and row < rows - 1
			if inner:
				_add_tree(chunk, x_m + low + width * (column + 0.5) / columns, z_m + low + width * (row + 0.5) / rows)
				continue
			var from := Vector2(x_m + low + width * column / columns, z_m + low + width * row / rows)
			_make_lot(chunk, from, Vector2(width / columns, width / rows), high)


func _make_lot(chunk: Chunk, from: Vector2, size: Vector2, high: float) -> void:
	var middle := from + size * 0.5
	size -= Vector2(_random.randf_range(0.0, 2.5), _random.randf_range(0.0, 2.5)) if _random.randf() < 0.6 else Vector2.ZERO
	var clear := _clearance(middle, size)
	if clear < 0.0: # a small square where the track bends
		_add_tree(chunk, middle.x, middle.y)
		return
	var tall := _random.randf() < high * 0.55
	var floors := int(2 + _random.randf() * 3 + high * (4 + 5 * _random.randf()))
	var seed_value := _random.randf()
	var style := _random.randf() * 0.79 if not tall else 0.5 + 0.5 * _random.randf()
	var height := 4.4 + 3.3 * floors # of the highest floor's ceiling; a parapet comes on top
	_add_box(chunk, middle, size, 0.0, 0.0, height + PARAPET_M, seed_value, style)
	if tall:
		var tower := size * _random.randf_range(0.55, 0.8)
		var more := 3.3 * int(4 + high * _random.randf_range(4.0, 20.0))
		_add_box(chunk, middle, tower, height, height, more + PARAPET_M, seed_value, style)
		if _random.randf() < 0.5:
			var top := height + more
			_add_box(chunk, middle, tower * 0.6, top, top, 3.3 * _random.randi_range(1, 5) + PARAPET_M, seed_value, style)
	else:
		var hut := Vector2(_random.randf_range(2.5, 5.0), _random.randf_range(2.5, 5.0))
		var off := Vector2(_random.randf_range(-0.25, 0.25), _random.randf_range(-0.25, 0.25)) * size
		_add_box(chunk, middle + off, hut, height, 1e4, PARAPET_M + 1.8, seed_value, style)


# Less than 0: the lot is in the trams' way.
func _clearance(middle: Vector2, size: Vector2) -> float:
	var nearest := INF
	for bend in _bends:
		var off := (bend - middle).abs() - size * 0.5
		nearest = minf(nearest, maxf(off.x, off.y))
	return nearest - TRACK_CLEAR_M


# `foot`: where it stands; `first_m`: how high its foot counts for the windows (1e4: it has none).
func _add_box(chunk: Chunk, middle: Vector2, size: Vector2, foot: float, first_m: float, height: float, seed_value: float,
		style: float) -> void:
	var basis := Basis.from_scale(Vector3(size.x, height, size.y))
	chunk.places.append(Transform3D(basis, Vector3(middle.x, foot + height * 0.5, middle.y)))
	chunk.customs.append(Color(seed_value, style, first_m, 0.0))


func _make_park(chunk: Chunk, x_m: float, z_m: float) -> void:
	chunk.parks.append(Transform3D(Basis.IDENTITY, Vector3(x_m + 50.0, 0, z_m + 50.0)))
	for n in 60:
		var off := Vector2(_random.randf_range(-38.0, 38.0), _random.randf_range(-38.0, 38.0))
		if minf(absf(off.x), absf(off.y)) > 4.5 and off.length() > 11.0: # beside the paths
			_add_tree(chunk, x_m + 50.0 + off.x, z_m + 50.0 + off.y)


func _add_tree(chunk: Chunk, x_m: float, z_m: float) -> void:
	var size := _random.randf_range(0.8, 1.6)
	var basis := Basis(Vector3.UP, _random.randf() * TAU).scaled(Vector3(size, size * _random.randf_range(0.9, 1.3), size))
	chunk.trees.append(Transform3D(basis, Vector3(x_m, 0, z_m)))
	chunk.tree_customs.append(Color(_random.randf(), _random.randf(), 0, 0))


func _make_tree() -> Mesh:
	var mesh := ArrayMesh.new()
	var m := MeshMaker.new()
	m.with(Color(0.14, 0.10, 0.07))
	m.column(Vector3.ZERO, 2.2, 0.18, 0.13, 5)
	m.with(Color.WHITE, MeshMaker.PAINT_2)
	m.column(Vector3(0, 1.8, 0), 1.6, 0.6, 1.9, 7)
	m.column(Vector3(0, 3.4, 0), 1.6, 1.9, 1.4, 7)
	m.column(Vector3(0, 5.0, 0), 1.2, 1.4, 0.3, 7)
	m.finish(mesh, Shapes.material(Shapes.PAINT_NONE))
	return mesh


# Lawns, two paths that cross, a fountain, and lamps.
func _make_park_ground() -> Mesh:
	var mesh := ArrayMesh.new()
	var m := MeshMaker.new()
	m.with(Color(0.05, 0.105, 0.035))
	m.block(0, 0, 0, 83.0, 0.02, 83.0)
	m.with(Color(0.30, 0.26, 0.20))
	m.block(0, 0, 0, 83.0, 0.03, 4.0)
	m.block(0, 0, 0, 4.0, 0.03, 83.0)
	m.column(Vector3.ZERO, 0.04, 9.0, 9.0, 16)
	m.with(Color(0.40, 0.39, 0.37))
	m.column(Vector3.ZERO, 0.55, 3.4, 3.3, 12)
	m.with(Color(0.10, 0.24, 0.30), MeshMaker.FIXED, 0.5)
	m.column(Vector3(0, 0.5, 0), 0.08, 2.9, 2.9, 12)
	m.column(Vector3.ZERO, 2.2, 0.35, 0.12, 6)
	var lamps: Array[Vector2] = []
	for way_m: float in [-34.0, -22.0, -10.0, 10.0, 22.0, 34.0]:
		lamps.append_array([Vector2(way_m, 2.8), Vector2(-2.8, way_m)])
	for lamp in lamps:
		m.with(Color(0.05, 0.06, 0.06))
		m.column(Vector3(lamp.x, 0, lamp.y), 3.2, 0.06, 0.05, 4)
		m.with(Color(1.0, 0.80, 0.52), MeshMaker.FIXED, 3.2)
		m.block(lamp.x, 3.2, lamp.y, 0.36, 0.36, 0.36, true)
	m.finish(mesh, Shapes.material(Shapes.PAINT_NONE))
	m.with(Color(0.50, 0.36, 0.17))
	for lamp in lamps:
		m.patch(lamp - Vector2.ONE * 7.0, lamp + Vector2.ONE * 7.0, 0.07)
	m.finish(mesh, Shapes.material(Shapes.PAINT_NONE, 0, Shapes.GLOW))
	return mesh

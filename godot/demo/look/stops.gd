# The stops: a platform with a shelter and a sign, to the right of the track.
extends Node3D

const Layout := preload("res://scripts/layout.gd")
const TramLine := preload("res://scripts/tram_line.gd")
const MeshMaker := preload("mesh_maker.gd")
const Shapes := preload("shapes.gd")
const CityLook := preload("city_look.gd")


func build(layout: Layout) -> void:
	var places: Array[Transform3D] = []
	for stop in layout.line.stops.size():
		var place := layout.beside_stop(stop, 0, 0.0)
		places.append(place)
		_add_sign(place, layout.stop_label(stop))
	var many := MultiMesh.new()
	many.transform_format = MultiMesh.TRANSFORM_3D
	many.mesh = _platform()
	many.instance_count = places.size()
	for n in places.size():
		many.set_instance_transform(n, places[n])
	var out := MultiMeshInstance3D.new()
	out.multimesh = many
	add_child(out)


# In the frame of the front cabin of a tram that stands there.
func _platform() -> Mesh:
	var mesh := ArrayMesh.new()
	var m := MeshMaker.new()
	m.with(Color(0.40, 0.385, 0.36))
	m.box(Vector3(1.42, -0.1, -6.5), Vector3(4.3, 0.05, 26.5))
	m.with(Color(0.85, 0.62, 0.10), MeshMaker.FIXED, 0.12)
	m.box(Vector3(1.5, 0, -6.5), Vector3(1.8, 0.06, 26.5))
	m.with(Color(0.80, 0.78, 0.72))
	for cabin in TramLine.CABINS:
		m.box(Vector3(1.85, 0, cabin * TramLine.CABIN_SPACING_M - 0.8), Vector3(2.9, 0.058, cabin * TramLine.CABIN_SPACING_M + 0.8))
	for z: float in [5.0, 15.0]:
		_add_shelter(m, z)
	m.finish(mesh, Shapes.material(Shapes.PAINT_NONE))
	m.with(Color(0.7, 0.56, 0.34))
	for z: float in [5.0, 15.0]:
		m.patch(Vector2(0.5, z - 4.2), Vector2(6.5, z + 4.2), 0.07)
	m.finish(mesh, Shapes.material(Shapes.PAINT_NONE, 0, Shapes.GLOW))
	m.with(Color.WHITE)
	for z: float in [5.0, 15.0]:
		m.quad(Vector3(4.2, 0.3, z - 2.4), Vector3(4.2, 2.35, z - 2.4), Vector3(4.2, 2.35, z + 2.4), Vector3(4.2, 0.3, z + 2.4))
	m.finish(mesh, Shapes.material(Shapes.PAINT_NONE, 0, Shapes.GLASS))
	return mesh


func _add_shelter(m: MeshMaker, z: float) -> void:
	m.with(Color(0.09, 0.11, 0.12))
	for end: float in [-2.4, 2.4]:
		m.block(4.2, 0, z + end, 0.1, 2.5, 0.1)
		m.block(2.95, 0, z + end, 0.08, 2.5, 0.08)
	m.box(Vector3(2.6, 2.5, z - 2.7), Vector3(4.45, 2.62, z + 2.7), Vector2.ONE, Vector3.ZERO, true)
	m.with(Color(1.0, 0.84, 0.58), MeshMaker.FIXED, 2.6)
	m.block(3.5, 2.44, z, 0.16, 0.05, 4.4, true)
	m.with(Color(0.42, 0.24, 0.12))
	m.block(3.95, 0.42, z, 0.36, 0.07, 3.2)
	m.with(Color(0.12, 0.36, 0.52), MeshMaker.FIXED, 0.5) # a poster
	m.block(3.6, 0.55, z + 2.4, 0.95, 1.5, 0.06)


func _add_sign(place: Transform3D, text: String) -> void:
	var board := MeshInstance3D.new()
	var mesh := ArrayMesh.new()
	var m := MeshMaker.new()
	m.with(Color(0.09, 0.11, 0.12))
	m.column(Vector3.ZERO, 3.0, 0.05, 0.05, 5)
	m.with(Color(0.02, 0.20, 0.42), MeshMaker.FIXED, 0.5)
	m.block(0, 2.5, 0, 2.3, 0.5, 0.08, true)
	m.finish(mesh, Shapes.material(Shapes.PAINT_NONE))
	board.mesh = mesh
	board.transform = place.translated_local(Vector3(4.0, 0, -5.2))
	add_child(board)
	for side: float in [0.0, PI]:
		var label := Label3D.new()
		label.text = text
		label.font_size = 72
		label.outline_size = 0
		label.pixel_size = 0.0038
		label.modulate = Color(1.0, 0.98, 0.92)
		label.transform = Transform3D(Basis(Vector3.UP, side), Vector3(0, 2.75, 0.05 if side == 0.0 else -0.05))
		board.add_child(label)

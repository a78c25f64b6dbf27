# What each kind of entity looks like: one mesh a kind, forward is -Z, the foot at y = 0.
extends RefCounted

const MeshMaker := preload("mesh_maker.gd")
const THINGS := preload("res://shaders/things.gdshader")
const GLOW := preload("res://shaders/glow.gdshader")
const GLASS := preload("res://shaders/glass.gdshader")

const DARK := Color(0.03, 0.03, 0.035)
const STEEL := Color(0.45, 0.46, 0.48)
const WARM := Color(1.0, 0.80, 0.52)

enum { PAINT_CLOTHES, PAINT_CARS, PAINT_NONE, PAINT_CABIN }


static func of_kind(kind_name: String) -> Mesh:
	match kind_name:
		"walker":
			return walker()
		"avatar":
			return avatar()
		"car":
			return car()
		"thing":
			return thing()
		"tram":
			return tram_nose()
		"cabin":
			return cabin()
	return BoxMesh.new()


static func material(paint: int, parts := 0, shader: Shader = THINGS) -> ShaderMaterial:
	var out := ShaderMaterial.new()
	out.shader = shader
	if shader != GLASS:
		out.set_shader_parameter("parts", parts)
	if shader == THINGS:
		out.set_shader_parameter("paint", paint)
	return out


static func walker() -> Mesh:
	var mesh := ArrayMesh.new()
	var m := MeshMaker.new()
	_person(m, MeshMaker.PAINT, Color.WHITE)
	m.finish(mesh, material(PAINT_CLOTHES))
	return mesh


# Who plays wears orange.
static func avatar() -> Mesh:
	var mesh := ArrayMesh.new()
	var m := MeshMaker.new()
	_person(m, MeshMaker.FIXED, Color(1.0, 0.42, 0.06))
	m.with(Color(1.0, 0.6, 0.1), MeshMaker.FIXED, 2.0)
	m.column(Vector3(0, 2.15, 0), 0.22, 0.0, 0.16, 4)
	m.finish(mesh, material(PAINT_CLOTHES))
	return mesh


static func _person(m: MeshMaker, slot: float, colour: Color) -> void:
	m.with(Color.WHITE, MeshMaker.PAINT_2)
	for side: float in [-1.0, 1.0]:
		m.swing = side
		m.box(Vector3(side * 0.11 - 0.085, 0, -0.1), Vector3(side * 0.11 + 0.085, 0.86, 0.1), Vector2(1.1, 1.15))
	m.swing = 0.0
	m.with(colour, slot)
	m.box(Vector3(-0.21, 0.82, -0.13), Vector3(0.21, 1.42, 0.13), Vector2(1.18, 1.0))
	m.with(Color(0.56, 0.36, 0.26))
	m.box(Vector3(-0.09, 1.42, -0.1), Vector3(0.09, 1.66, 0.1), Vector2(1.05, 1.0))
	m.with(Color(0.09, 0.06, 0.045))
	m.box(Vector3(-0.105, 1.6, -0.07), Vector3(0.105, 1.74, 0.13), Vector2(0.8, 0.8))


static func _car_body(m: MeshMaker) -> void:
	m.with(DARK)
	for z: float in [-1.3, 1.3]:
		m.block(0, 0, z, 1.74, 0.62, 0.64)
	m.with(Color.WHITE, MeshMaker.PAINT)
	m.box(Vector3(-0.87, 0.28, -2.1), Vector3(0.87, 0.86, 2.1), Vector2(0.93, 0.97))
	m.with(Color(0.03, 0.045, 0.06))
	m.box(Vector3(-0.78, 0.86, -1.15), Vector3(0.78, 1.36, 1.7), Vector2(0.84, 0.66))
	m.with(Color.WHITE, MeshMaker.PAINT)
	m.box(Vector3(-0.66, 1.36, -0.68), Vector3(0.66, 1.43, 1.22), Vector2(0.95, 0.95))
	m.with(Color(1.0, 0.95, 0.82), MeshMaker.FIXED, 3.0)
	for x: float in [-0.62, 0.62]:
		m.block(x, 0.52, -2.07, 0.34, 0.17, 0.1)
	m.with(Color(1.0, 0.05, 0.03), MeshMaker.FIXED, 2.2)
	for x: float in [-0.62, 0.62]:
		m.block(x, 0.6, 2.06, 0.36, 0.15, 0.1)


static func car() -> Mesh:
	var mesh := ArrayMesh.new()
	var m := MeshMaker.new()
	_car_body(m)
	m.finish(mesh, material(PAINT_CARS))
	m.with(Color(0.34, 0.30, 0.22))
	m.patch(Vector2(-2.2, -14.0), Vector2(2.2, -1.0), 0.05)
	m.with(Color(0.22, 0.02, 0.01))
	m.patch(Vector2(-1.6, 1.2), Vector2(1.6, 4.6), 0.05)
	m.finish(mesh, material(PAINT_CARS, 0, GLOW))
	return mesh


# Parked cars, lamps, trees and benches in one mesh: the shader shows one of them, by where the thing stands.
static func thing() -> Mesh:
	var mesh := ArrayMesh.new()
	var m := MeshMaker.new()
	m.part = 0
	_car_body(m)
	m.part = 1
	m.with(Color(0.10, 0.12, 0.12))
	m.column(Vector3.ZERO, 4.2, 0.07, 0.05, 4)
	m.block(0, 0, 0, 0.26, 0.5, 0.26)
	m.with(WARM, MeshMaker.FIXED, 3.2)
	m.box(Vector3(-0.16, 4.2, -0.16), Vector3(0.16, 4.62, 0.16), Vector2(1.5, 1.5), Vector3.ZERO, true)
	m.with(Color(0.10, 0.12, 0.12))
	m.box(Vector3(-0.28, 4.62, -0.28), Vector3(0.28, 4.76, 0.28), Vector2(0.3, 0.3))
	m.part = 2
	m.with(Color(0.14, 0.10, 0.07))
	m.column(Vector3.ZERO, 2.0, 0.14, 0.10, 4)
	m.with(Color.WHITE, MeshMaker.PAINT_2)
	m.column(Vector3(0, 1.7, 0), 1.3, 0.5, 1.35, 6)
	m.column(Vector3(0, 3.0, 0), 2.3, 1.35, 0.35, 6)
	m.part = 3
	m.with(Color(0.34, 0.20, 0.10))
	m.block(0, 0.42, 0, 1.7, 0.07, 0.5)
	m.block(0, 0.5, 0.24, 1.7, 0.42, 0.06)
	m.with(DARK)
	for x: float in [-0.7, 0.7]:
		m.block(x, 0, 0, 0.08, 0.42, 0.44)
	m.finish(mesh, material(PAINT_CARS, 1))
	m.part = 1
	m.with(Color(0.55, 0.36, 0.16))
	m.patch(Vector2(-5.0, -5.0), Vector2(5.0, 5.0), 0.06)
	m.finish(mesh, material(PAINT_CARS, 1, GLOW))
	return mesh


# --- the tram ---

const HALF_LENGTH_M := 4.72
const HALF_WIDTH_M := 1.25
const FLOOR_M := 0.06 # all are low-floor trams: who steps in stays at the street's height
const TRAM_RED := Color(0.40, 0.03, 0.03)
const CREAM := Color(0.66, 0.60, 0.49)


# One cabin, 9.4 m long; the door is in the middle of its right side, passages are at both ends.
static func cabin() -> Mesh:
	var mesh := ArrayMesh.new()
	var m := MeshMaker.new()
	_cabin_shell(m)
	_cabin_inside(m)
	m.finish(mesh, material(PAINT_CABIN))
	m.with(Color(0.42, 0.34, 0.2))
	m.patch(Vector2(-4.2, -6.2), Vector2(4.2, 6.2), 0.045)
	m.finish(mesh, material(PAINT_NONE, 0, GLOW))
	m.with(Color.WHITE)
	for side: float in [-1.0, 1.0]:
		_pane(m, side * (HALF_WIDTH_M - 0.03), -HALF_LENGTH_M + 0.1, HALF_LENGTH_M - 0.1, 0.9, 2.25)
	m.finish(mesh, material(PAINT_NONE, 0, GLASS))
	return mesh


static func _pane(m: MeshMaker, x: float, from_z: float, to_z: float, from_y: float, to_y: float) -> void:
	m.quad(Vector3(x, from_y, from_z), Vector3(x, to_y, from_z), Vector3(x, to_y, to_z), Vector3(x, from_y, to_z))


# A wall panel along one side, seen from both sides.
static func _panel(m: MeshMaker, side: float, z0: float, z1: float, y0: float, y1: float) -> void:
	var x := side * HALF_WIDTH_M
	m.box(Vector3(minf(x, x - side * 0.07), y0, z0), Vector3(maxf(x, x - side * 0.07), y1, z1), Vector2.ONE, Vector3.ZERO, true)


static func _cabin_shell(m: MeshMaker) -> void:
	m.with(Color(0.10, 0.10, 0.11))
	m.box(Vector3(-1.2, 0.0, -HALF_LENGTH_M), Vector3(1.2, FLOOR_M, HALF_LENGTH_M))
	for side: float in [-1.0, 1.0]:
		var doors: Array = [[-HALF_LENGTH_M, HALF_LENGTH_M]] if side < 0 else [[-HALF_LENGTH_M, -0.75], [0.75, HALF_LENGTH_M]]
		for run: Array in doors:
			m.with(TRAM_RED)
			_panel(m, side, run[0], run[1], 0.12, 0.80)
			m.with(CREAM)
			_panel(m, side, run[0], run[1], 0.80, 0.92)
			m.with(DARK)
			_panel(m, side, run[0], run[1], 0.0, 0.12)
		m.with(CREAM)
		_panel(m, side, -HALF_LENGTH_M, HALF_LENGTH_M, 2.22, 2.55)
		m.with(Color(0.16, 0.16, 0.17))
		for z: float in [-4.66, -3.2, -1.7, -0.8, 0.8, 1.7, 3.2, 4.66]:
			_panel(m, side, z - 0.06, z + 0.06, 0.92, 2.22)
	m.with(Color(0.55, 0.52, 0.46))
	m.box(Vector3(-HALF_WIDTH_M, 2.52, -HALF_LENGTH_M), Vector3(HALF_WIDTH_M, 2.78, HALF_LENGTH_M), Vector2(0.82, 0.98),
		Vector3.ZERO, true)
	m.with(STEEL)
	m.block(0, 2.78, -1.6, 1.3, 0.28, 2.2)
	m.block(0, 2.78, 2.0, 1.0, 0.22, 1.4)
	m.with(Color(0.04, 0.04, 0.045)) # bellows
	for z: float in [-4.86, 4.86]:
		for x: float in [-1.0, 1.0]:
			m.block(x, 0.1, z, 0.16, 2.4, 0.32)
		m.block(0, 2.3, z, 2.1, 0.25, 0.32, true)
		m.block(0, 0.0, z, 2.0, 0.07, 0.36)
	m.with(Color(1.0, 0.04, 0.03), MeshMaker.FIXED, 1.6)
	for x: float in [-0.95, 0.95]:
		m.block(x, 0.55, 4.99, 0.18, 0.14, 0.06)


static func _cabin_inside(m: MeshMaker) -> void:
	m.with(WARM, MeshMaker.FIXED, 1.6) # light strips
	for x: float in [-0.62, 0.62]:
		m.block(x, 2.47, 0, 0.14, 0.04, 8.6, true)
	for z: float in [-3.6, -2.8, -2.0, -1.2, 1.2, 2.0, 2.8, 3.6]:
		for x: float in [-0.95, -0.5, 0.5, 0.95]:
			m.with(Color(0.08, 0.22, 0.30) if absf(z) > 1.5 else Color(0.30, 0.07, 0.06), MeshMaker.FIXED, 0.3)
			m.block(x, 0.40, z + 0.02, 0.40, 0.08, 0.40)
			m.box(Vector3(x - 0.2, 0.46, z + 0.2), Vector3(x + 0.2, 0.98, z + 0.27), Vector2(0.9, 1.0))
	m.with(Color(0.75, 0.58, 0.12), MeshMaker.FIXED, 0.3) # poles
	for z: float in [-2.4, -0.75, 0.75, 2.4]:
		for x: float in [-0.28, 0.28]:
			m.column(Vector3(x, FLOOR_M, z), 2.45, 0.018, 0.018, 4)
	for x: float in [-0.28, 0.28]:
		m.block(x, 2.0, 0, 0.035, 0.035, 8.4, true)
	m.with(Color(0.26, 0.25, 0.24), MeshMaker.FIXED, 0.12) # the floor's top
	m.quad(Vector3(-1.18, FLOOR_M + 0.01, -4.7), Vector3(1.18, FLOOR_M + 0.01, -4.7), Vector3(1.18, FLOOR_M + 0.01, 4.7),
		Vector3(-1.18, FLOOR_M + 0.01, 4.7))


# The driver's end, in front of the first cabin.
static func tram_nose() -> Mesh:
	var mesh := ArrayMesh.new()
	var m := MeshMaker.new()
	m.with(TRAM_RED)
	m.turn = Transform3D(Basis(Vector3.RIGHT, -PI / 2.0), Vector3(0, 0, -4.9)) # boxes grow forward
	m.box(Vector3(-1.25, 0, 0.12), Vector3(1.25, 1.15, 0.92), Vector2(0.72, 0.86))
	m.with(Color(0.02, 0.03, 0.04))
	m.box(Vector3(-1.22, 0, 0.92), Vector3(1.22, 0.95, 2.3), Vector2(0.72, 0.80), Vector3(0, 0, -0.12))
	m.with(CREAM)
	m.box(Vector3(-1.22, 0, 2.3), Vector3(1.22, 0.7, 2.72), Vector2(0.78, 0.7), Vector3(0, 0, -0.06))
	m.with(DARK)
	m.box(Vector3(-1.15, 0, 0.0), Vector3(1.15, 1.0, 0.14), Vector2(0.8, 1.0))
	m.turn = Transform3D.IDENTITY
	m.with(Color(1.0, 0.96, 0.86), MeshMaker.FIXED, 3.5)
	for x: float in [-0.68, 0.68]:
		m.block(x, 0.52, -5.99, 0.3, 0.16, 0.2)
	m.with(Color(1.0, 0.62, 0.12), MeshMaker.FIXED, 1.8) # where it goes
	m.block(0, 2.36, -5.52, 1.3, 0.2, 0.06)
	m.finish(mesh, material(PAINT_NONE))
	m.with(Color(0.42, 0.38, 0.3))
	m.patch(Vector2(-3.0, -22.0), Vector2(3.0, -4.5), 0.05)
	m.finish(mesh, material(PAINT_NONE, 0, GLOW))
	return mesh

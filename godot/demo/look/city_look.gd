# Everything in the city that does not move and is not shared: ground, houses, lamps over the streets, rails, stops, sky.
extends Node3D

const Layout := preload("res://scripts/layout.gd")
const TramLine := preload("res://scripts/tram_line.gd")
const MeshMaker := preload("mesh_maker.gd")
const Shapes := preload("shapes.gd")
const Houses := preload("houses.gd")
const Stops := preload("stops.gd")
const GROUND := preload("res://shaders/ground.gdshader")
const SKY := preload("res://shaders/sky.gdshader")

const LAMPS_CHUNK := 4 # blocks along an edge of what is drawn or left out together
const LAMP_EVERY_M := 100.0 / 3.0
const RAIL_STEP_M := 2.5 # in corners
const BEYOND_M := 30000.0 # the ground goes on so far

var environment: Environment
var sun: DirectionalLight3D

var _layout: Layout


func build(layout: Layout) -> void:
	_layout = layout
	_make_ground()
	var houses := Houses.new()
	houses.build(layout)
	add_child(houses)
	_make_lamps()
	_make_rails()
	var stops := Stops.new()
	stops.build(layout)
	add_child(stops)
	_make_light()


# 0 by day, 1 at night.
func set_night(night: float) -> void:
	RenderingServer.global_shader_parameter_set("night", night)
	sun.rotation_degrees = Vector3(lerpf(-48.0, -7.5, night), lerpf(140.0, 112.0, night), 0.0)
	sun.light_color = Color(1.0, 0.96, 0.9).lerp(Color(1.0, 0.55, 0.28), night)
	sun.light_energy = lerpf(1.25, 0.75, night)
	environment.ambient_light_color = Color(0.62, 0.72, 0.86).lerp(Color(0.34, 0.40, 0.58), night)
	environment.ambient_light_energy = lerpf(0.75, 0.8, night)
	environment.fog_light_color = Color(0.66, 0.76, 0.86).lerp(Color(0.34, 0.25, 0.31), night)


func _make_ground() -> void:
	var plane := PlaneMesh.new()
	plane.size = Vector2.ONE * 2.0 * BEYOND_M
	plane.subdivide_width = 60
	plane.subdivide_depth = 60
	var material := ShaderMaterial.new()
	material.shader = GROUND
	material.set_shader_parameter("street_last", float(_layout.street_last))
	material.set_shader_parameter("tram_x", _numbers(_layout.tram_streets_x, 3))
	material.set_shader_parameter("tram_z", _numbers(_layout.tram_streets_z, 4))
	var ground := MeshInstance3D.new()
	ground.mesh = plane
	ground.material_override = material
	ground.cast_shadow = GeometryInstance3D.SHADOW_CASTING_SETTING_OFF
	add_child(ground)


func _numbers(streets: Array[int], count: int) -> PackedFloat32Array:
	var out := PackedFloat32Array()
	for i in count:
		out.append(streets[i] if i < streets.size() else 9999)
	return out


func _make_lamps() -> void:
	var mesh := ArrayMesh.new()
	var m := MeshMaker.new()
	m.with(Color(1.0, 0.74, 0.42), MeshMaker.FIXED, 4.0)
	m.block(0, 6.9, 0, 0.5, 0.16, 0.5, true)
	m.with(Color(0.03, 0.03, 0.03))
	m.box(Vector3(-0.3, 7.06, -0.3), Vector3(0.3, 7.3, 0.3), Vector2(0.2, 0.2))
	m.block(0, 7.3, 0, 16.2, 0.03, 0.03)
	m.finish(mesh, Shapes.material(Shapes.PAINT_NONE))
	var last := _layout.street_last
	for i in range(-last, last, LAMPS_CHUNK):
		for j in range(-last, last, LAMPS_CHUNK):
			var places: Array[Transform3D] = []
			for street in range(i, mini(i + LAMPS_CHUNK, last + 1)):
				_add_street_lamps(places, street, j, false)
			for street in range(j, mini(j + LAMPS_CHUNK, last + 1)):
				_add_street_lamps(places, street, i, true)
			add_child(scatter(mesh, places))


func _add_street_lamps(places: Array[Transform3D], street: int, from: int, along_x: bool) -> void:
	var to := mini(from + LAMPS_CHUNK, _layout.street_last)
	for n in (to - from) * 3:
		var along_m := from * Layout.BLOCK_M + (n + 0.5) * LAMP_EVERY_M
		var across_m := street * Layout.BLOCK_M
		var turn := Basis(Vector3.UP, PI / 2.0 if along_x else 0.0)
		places.append(Transform3D(turn, Vector3(along_m, 0, across_m) if along_x else Vector3(across_m, 0, along_m)))


# Many of one mesh.
static func scatter(mesh: Mesh, places: Array[Transform3D]) -> MultiMeshInstance3D:
	var many := MultiMesh.new()
	many.transform_format = MultiMesh.TRANSFORM_3D
	many.mesh = mesh
	many.instance_count = places.size()
	for n in places.size():
		many.set_instance_transform(n, places[n])
	var out := MultiMeshInstance3D.new()
	out.multimesh = many
	out.cast_shadow = GeometryInstance3D.SHADOW_CASTING_SETTING_OFF
	return out


# --- rails and the wire above them ---

func _make_rails() -> void:
	var mesh := ArrayMesh.new()
	var m := MeshMaker.new()
	var line := _layout.line
	var along_m := 0.0
	var masts: Array[Transform3D] = []
	for element in line.elements:
		var pieces := 1 if element.curvature == 0.0 else int(ceil(element.length_m / RAIL_STEP_M))
		for n in pieces:
			_add_track(m, line, element.s_m + element.length_m * n / pieces, element.s_m + element.length_m * (n + 1) / pieces)
	while along_m < line.length_m:
		masts.append(TramLine.transform_of(line.pose(along_m)))
		along_m += 36.0
	m.finish(mesh, Shapes.material(Shapes.PAINT_NONE))
	var rails := MeshInstance3D.new()
	rails.mesh = mesh
	rails.cast_shadow = GeometryInstance3D.SHADOW_CASTING_SETTING_OFF
	add_child(rails)
	add_child(scatter(_mast(), masts))


func _add_track(m: MeshMaker, line: TramLine, from_m: float, to_m: float) -> void:
	var a := TramLine.transform_of(line.pose(from_m))
	var b := TramLine.transform_of(line.pose(to_m))
	m.with(Color(0.15, 0.15, 0.145))
	_add_ribbon(m, a, b, -1.35, 1.35, 0.02)
	m.with(Color(0.42, 0.43, 0.46))
	for rail: float in [-0.72, 0.72]:
		_add_ribbon(m, a, b, rail - 0.05, rail + 0.05, 0.035)
	m.with(Color(0.02, 0.02, 0.02))
	_add_ribbon(m, a, b, -0.025, 0.025, 5.4)


func _add_ribbon(m: MeshMaker, a: Transform3D, b: Transform3D, left_m: float, right_m: float, y: float) -> void:
	m.quad(b * Vector3(left_m, y, 0), b * Vector3(right_m, y, 0), a * Vector3(right_m, y, 0), a * Vector3(left_m, y, 0))


func _mast() -> Mesh:
	var mesh := ArrayMesh.new()
	var m := MeshMaker.new()
	m.with(Color(0.07, 0.09, 0.09))
	m.column(Vector3(-3.2, 0, 0), 6.2, 0.11, 0.08, 5)
	m.box(Vector3(-3.2, 5.72, -0.04), Vector3(0.1, 5.80, 0.04), Vector2.ONE, Vector3.ZERO, true)
	m.finish(mesh, Shapes.material(Shapes.PAINT_NONE))
	return mesh


# --- sun and sky ---

func _make_light() -> void:
	sun = DirectionalLight3D.new()
	sun.shadow_enabled = true
	sun.directional_shadow_max_distance = 320.0
	sun.directional_shadow_mode = DirectionalLight3D.SHADOW_PARALLEL_2_SPLITS
	sun.shadow_blur = 1.2
	sun.shadow_normal_bias = 3.0
	add_child(sun)
	environment = Environment.new()
	environment.background_mode = Environment.BG_SKY
	environment.sky = Sky.new()
	var material := ShaderMaterial.new()
	material.shader = SKY
	environment.sky.sky_material = material
	environment.sky.process_mode = Sky.PROCESS_MODE_QUALITY
	environment.ambient_light_source = Environment.AMBIENT_SOURCE_COLOR
	environment.tonemap_mode = Environment.TONE_MAPPER_ACES
	environment.tonemap_exposure = 1.15
	environment.fog_enabled = true
	environment.fog_density = 0.00017
	environment.fog_sky_affect = 0.0
	environment.fog_aerial_perspective = 0.75
	environment.glow_enabled = true
	environment.glow_intensity = 0.7
	environment.glow_bloom = 0.04
	environment.glow_hdr_threshold = 1.0
	var world := WorldEnvironment.new()
	world.environment = environment
	add_child(world)
	set_night(0.75)

# Takes a picture of each view. A software renderer needs seconds for one: nothing is drawn in between, so that the client
# keeps up with its server meanwhile.
extends Node

const Layout := preload("layout.gd")
const TramLine := preload("tram_line.gd")
const Player := preload("player.gd")

const WAIT_S_MAX := 60.0
const STOP := 2 # the stop in the picture
const STILL_S := 1.5
const CALM_KBIT_S := 600.0 # more than that is catching up
const LATENCY_MS_MAX := 100.0
const CLOCK_MS_MAX := 5.0 # how far off the idea of the server's time may be
const SETTLE_S := 5.0 # at each place, for the view to get fine
const JPEG_QUALITY := 0.88

var _main: Node3D


func begin(main: Node3D) -> void:
	_main = main
	RenderingServer.render_loop_enabled = false
	RenderingServer.force_draw(false) # the shaders are made ready
	_run()


func _run() -> void:
	DirAccess.make_dir_recursive_absolute(_main.options.pictures)
	var code := 0
	for view_name: String in _main.options.views:
		if code == 0 and await _wait_for_all() and place(_main.player, _main.layout, view_name):
			if view_name == "stop":
				await _wait_for_tram()
			await get_tree().create_timer(SETTLE_S).timeout
			await _wait_for_all()
			place(_main.player, _main.layout, view_name)
			code = await _take(view_name)
		else:
			code = 1
	get_tree().quit(code)


# Until one has just come to the stop that is looked at.
func _wait_for_tram() -> void:
	var line: TramLine = _main.layout.line
	var stop := line.stops[STOP]
	while true:
		for tram in line.tram_count:
			var local_s: float = fposmod(_main.player.time_s() + tram * line.headway_s, line.period_s)
			if local_s > stop.arrive_s + 2.0 and local_s < stop.arrive_s + 8.0:
				return
		await get_tree().create_timer(0.5).timeout


# The whole city is in view when the number of entities has stood still for a while, and nothing is left to catch up with. A
# client that was cut off while a picture was drawn for long comes back meanwhile.
func _wait_for_all() -> bool:
	var count := 0
	var still_s := 0.0
	var waited_s := 0.0
	while still_s < STILL_S and waited_s < WAIT_S_MAX:
		await get_tree().create_timer(0.25).timeout
		waited_s += 0.25
		var stats: Dictionary = _main.client.get_stats()
		var now: int = stats.entities
		var steady: bool = _main.client.get_state() == TramlineClient.LIVE and stats.clock_error_ms < CLOCK_MS_MAX \
				and stats.kbit_s < CALM_KBIT_S and stats.kbit_s > 0 and stats.latency_ms > 0.0 and stats.latency_ms < LATENCY_MS_MAX
		still_s = still_s + 0.25 if steady and absi(now - count) < 8 and now > 0 else 0.0
		count = now
	print("pictures: %d entities in view" % count)
	return still_s >= STILL_S


func _take(view_name: String) -> int:
	for step in 2: # everything is where it is now only after a whole step
		await get_tree().process_frame
	place(_main.player, _main.layout, view_name)
	_main.player.update_camera()
	_main.show_numbers()
	RenderingServer.force_draw(false)
	var file: String = _main.options.pictures.path_join(view_name + (".jpg" if _main.options.jpg else ".png"))
	var image := get_viewport().get_texture().get_image()
	var error := image.save_jpg(file, JPEG_QUALITY) if _main.options.jpg else image.save_png(file)
	print("pictures: ", file, "" if error == OK else " cannot be written")
	return int(error != OK)


# Goes to one of the views; false if there is none of that name.
static func place(player: Player, layout: Layout, view_name: String) -> bool:
	var line := layout.line
	match view_name:
		"seat":
			_aboard(player, 1, Vector3(0.95, 0.0, 2.8), Vector2(0.10, -0.02))
		"aisle":
			_aboard(player, 1, Vector3(0.0, 0.0, 4.2), Vector2(0.0, -0.08))
			player.mode = Player.Mode.ABOARD
		"stop":
			var stop := layout.beside_stop(STOP, 0, 0.0)
			_on_foot(player, stop * Vector3(4.7, 0.0, -9.4), stop * Vector3(0.6, 0.0, 8.0))
		"street":
			_on_foot(player, Vector3(-94.0, 0.0, -6.2), Vector3(-30.0, 2.0, 0.0))
		"fly":
			var pose := line.cabin_pose(player.time_s(), player.tram, 1)
			var tram := TramLine.transform_of(pose)
			_fly(player, tram * Vector3(0.0, 50.0, 78.0), tram * Vector3(0.0, 0.0, -60.0))
		"high":
			var reach := layout.half_m()
			_fly(player, Vector3(-0.62 * reach, 0.26 * reach, 0.62 * reach), Vector3(0.0, 0.0, -0.1 * reach))
		_:
			printerr("there is no view '%s'" % view_name)
			return false
	return true


static func _aboard(player: Player, cabin: int, place_in: Vector3, look: Vector2) -> void:
	player.mode = Player.Mode.SEATED
	player.cabin = cabin
	player.place = place_in
	player.look = look


static func _on_foot(player: Player, from: Vector3, to: Vector3) -> void:
	player.mode = Player.Mode.ON_FOOT
	player.place = from
	_look_at(player, to - from)


static func _fly(player: Player, from: Vector3, to: Vector3) -> void:
	player.mode = Player.Mode.FLYING
	player.place = from
	_look_at(player, to - from)


static func _look_at(player: Player, way: Vector3) -> void:
	player.look = Vector2(atan2(-way.x, -way.z), atan2(way.y, Vector2(way.x, way.z).length()))

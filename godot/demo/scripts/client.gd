# A client: the city, everybody in it, and the player. With --bot there is no player, and nothing is drawn.
extends Node3D

const Options := preload("options.gd")
const Layout := preload("layout.gd")
const CityLook := preload("res://look/city_look.gd")
const EntitiesView := preload("entities_view.gd")
const Player := preload("player.gd")
const Overlay := preload("overlay.gd")
const TruthCheck := preload("truth_check.gd")
const Bot := preload("bot.gd")
const Pictures := preload("pictures.gd")
const Tour := preload("tour.gd")

const SHOW_EVERY_S := 0.25

var preset := "big" # the city, if the command line does not say
var options: Options
var layout: Layout
var client: TramlineClient
var player: Player
var view: EntitiesView
var look: CityLook

var _overlay: Overlay
var _check: TruthCheck
var _show_s := 0.0
var _ran_s := 0.0


func _ready() -> void:
	if not options:
		options = Options.read()
	if options.problem or options.addresses.is_empty():
		printerr(options.problem if options.problem else "no --server is given\n\n" + Options.HELP)
		get_tree().quit(2)
		return
	layout = options.layout(preset)
	_connect()
	if options.bot:
		var bot := Bot.new()
		add_child(bot)
		bot.begin(client, layout, options)
		return
	_build()
	if options.pictures:
		var pictures := Pictures.new()
		add_child(pictures)
		pictures.begin(self)
	elif options.tour:
		var tour := Tour.new()
		add_child(tour)
		tour.begin(self)
	elif options.view != "seat":
		_go.call_deferred(options.view)


# As soon as it is known where the trams are.
func _go(view_name: String) -> void:
	while player.tram_id(0) == 0:
		await get_tree().process_frame
	Pictures.place(player, layout, view_name)


func _connect() -> void:
	client = TramlineClient.new()
	client.addresses = options.addresses
	client.fingerprints = options.fingerprints
	client.token = options.token
	add_child(client)
	client.set_origin(layout.origin_x_m, 0.0, layout.origin_z_m)
	client.observe_point(layout.origin_x_m, 0.0, layout.origin_z_m)
	client.connected.connect(func() -> void: print("connected to ", client.get_address()))
	client.reconnecting.connect(func(reason: String) -> void: print("reconnecting: ", reason))
	client.reconnected.connect(func() -> void: print("reconnected to ", client.get_address()))
	client.disconnected.connect(func(reason: String) -> void: print("disconnected: ", reason))
	client.entity_entered.connect(_on_entered)
	if client.connect_to_server() != OK:
		get_tree().quit(1)


func _build() -> void:
	look = CityLook.new()
	add_child(look)
	look.build(layout)
	look.set_night(options.night)
	view = EntitiesView.new()
	add_child(view)
	view.build(client)
	player = Player.new()
	add_child(player)
	player.begin(client, layout, options.ride)
	_overlay = Overlay.new()
	add_child(_overlay)
	_overlay.build(layout)
	_check = TruthCheck.new(layout, 0)


# The first tram has the smallest id of all trams: they were made in order.
func _on_entered(id: int, kind_name: String) -> void:
	if kind_name == "tram" and player and (player.tram_id(0) == 0 or id < player.tram_id(0)):
		player.set_first_id(id)


func _process(delta: float) -> void:
	_ran_s += delta
	if options.seconds > 0.0 and _ran_s > options.seconds and not options.bot:
		get_tree().quit()
	if not _overlay:
		return
	if client.get_state() != TramlineClient.LIVE:
		_overlay.set_hint("connecting to %s …" % client.get_address())
		return
	_overlay.set_hint(player.hint())
	_overlay.strip.show_time(player.time_s(), player.tram if player.is_carried() else -1)
	_show_s += delta
	if _show_s >= SHOW_EVERY_S:
		_show_s = 0.0
		show_numbers()


func show_numbers() -> void:
	var stats := client.get_stats()
	var hz := maxf(client.get_tick_hz(), 1.0)
	var seconds := int(client.get_server_tick() / hz)
	_overlay.set_value(0, "%s entities" % Overlay.grouped(stats.entities))
	_overlay.set_value(1, "%d kbit/s" % int(stats.kbit_s))
	_overlay.set_value(2, "%d:%02d:%02d  at %d Hz" % [seconds / 3600, seconds / 60 % 60, seconds % 60, int(hz)])
	_overlay.set_value(3, "%.0f ms  (clock ± %.1f ms)" % [stats.latency_ms, stats.clock_error_ms])
	_overlay.set_value(5, "%.1f ms" % (view.fill_ms))
	show_error()


# What is drawn of the trams beside what their timetable says.
func show_error() -> void:
	var ids := PackedInt64Array()
	for n in layout.line.tram_count * 4:
		ids.append(player.tram_id(0) + n)
		if not client.has_entity(ids[n]): # not all of them have come yet
			return
	var transforms := client.get_transforms(ids)
	var eyes := player.camera.global_position
	var observer := PackedFloat64Array([eyes.x + layout.origin_x_m, eyes.y, eyes.z + layout.origin_z_m])
	var finding := _check.check_trams(transforms, player.time_s(), observer)
	if finding.compared:
		_overlay.set_value(4, "%.2f mrad, %.0f cm  (trams)" % [finding.worst_mrad, finding.worst_m * 100.0])


func _unhandled_key_input(event: InputEvent) -> void:
	if not event.pressed or event.echo or not look:
		return
	match event.physical_keycode:
		KEY_N:
			options.night = 0.0 if options.night > 0.4 else 0.72
			look.set_night(options.night)
		KEY_H:
			_overlay.visible = not _overlay.visible

# The tram line as a strip: stops by their names, trams as they go, one's own in orange.
extends Control

const Layout := preload("layout.gd")

const MARGIN_PX := 70.0
const LINE := Color(0.85, 0.22, 0.18)
const OTHERS := Color(0.95, 0.93, 0.88)
const OWN := Color(1.0, 0.62, 0.1)

var layout: Layout
var time_s := 0.0
var own_tram := -1 # -1: not in one


func _ready() -> void:
	mouse_filter = Control.MOUSE_FILTER_IGNORE


func show_time(now_s: float, tram: int) -> void:
	time_s = now_s
	own_tram = tram
	queue_redraw()


func _x_of(along_m: float) -> float:
	var line := layout.line
	return MARGIN_PX + (size.x - 2.0 * MARGIN_PX) * fposmod(along_m, line.length_m) / line.length_m


func _draw() -> void:
	var y := size.y * 0.5
	var font := get_theme_default_font()
	var box := StyleBoxFlat.new()
	box.bg_color = Color(0.03, 0.04, 0.07, 0.66)
	box.set_corner_radius_all(8)
	draw_style_box(box, Rect2(18, 0, size.x - 36, size.y))
	draw_line(Vector2(_x_of(0.0), y), Vector2(size.x - MARGIN_PX, y), LINE, 4.0, true)
	for stop in layout.line.stops.size():
		var at := Vector2(_x_of(layout.line.stops[stop].along_m), y)
		draw_circle(at, 6.0, LINE, true, -1.0, true)
		draw_circle(at, 3.4, OTHERS, true, -1.0, true)
		var text := layout.stop_label(stop)
		var width := font.get_string_size(text, HORIZONTAL_ALIGNMENT_LEFT, -1, 12).x
		draw_string(font, at + Vector2(-width * 0.5, 25.0 if stop & 1 else -15.0), text, HORIZONTAL_ALIGNMENT_LEFT, -1, 12, OTHERS)
	for tram in layout.line.tram_count:
		var at := Vector2(_x_of(layout.line.along_m(time_s, tram)), y)
		var colour := OWN if tram == own_tram else OTHERS
		draw_rect(Rect2(at - Vector2(9, 5), Vector2(18, 10)), Color(0, 0, 0, 0.8))
		draw_rect(Rect2(at - Vector2(8, 4), Vector2(16, 8)), colour)

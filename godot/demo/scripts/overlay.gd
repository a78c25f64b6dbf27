# What one wants to know while looking: how much is in view, what it costs, how right it is; and where on the line one is.
extends CanvasLayer

const Layout := preload("layout.gd")
const LineStrip := preload("line_strip.gd")

const ROWS := ["in view", "traffic", "server time", "latency", "error", "filled in"]
const HELP := "mouse or arrows look · W A S D walk · E get off, board · R sit · F fly · T back to the tram · N day, night · H hide"

var strip: LineStrip

var _values: Array[Label] = []
var _hint: Label


func build(layout: Layout) -> void:
	var panel := _panel(Vector2(18, 18))
	var grid := GridContainer.new()
	grid.columns = 2
	grid.add_theme_constant_override("h_separation", 18)
	grid.add_theme_constant_override("v_separation", 1)
	panel.add_child(grid)
	for row: String in ROWS:
		grid.add_child(_label(row, 15, Color(0.68, 0.74, 0.84)))
		var value := _label("–", 15, Color(1.0, 0.95, 0.86))
		value.custom_minimum_size.x = 190
		_values.append(value)
		grid.add_child(value)
	_hint = _label("", 19, Color(1.0, 0.86, 0.6))
	_add_line(_hint, -136)
	strip = LineStrip.new()
	strip.layout = layout
	strip.set_anchors_and_offsets_preset(Control.PRESET_BOTTOM_WIDE)
	strip.offset_top = -100
	strip.offset_bottom = -24
	add_child(strip)
	var help := _label(HELP, 12, Color(0.75, 0.78, 0.84, 0.8))
	_add_line(help, -23)


func set_value(row: int, text: String) -> void:
	_values[row].text = text


func set_hint(text: String) -> void:
	_hint.text = text


# 100000 as 100'000.
static func grouped(number: int) -> String:
	var digits := str(number)
	var at := digits.length() - 3
	while at > 0:
		digits = digits.insert(at, "'")
		at -= 3
	return digits


func _panel(at: Vector2) -> PanelContainer:
	var panel := PanelContainer.new()
	var box := StyleBoxFlat.new()
	box.bg_color = Color(0.03, 0.04, 0.07, 0.66)
	box.set_corner_radius_all(8)
	box.set_content_margin_all(12)
	panel.add_theme_stylebox_override("panel", box)
	panel.position = at
	add_child(panel)
	return panel


# In the middle, `top` pixels above the lower edge.
func _add_line(label: Label, top: int) -> void:
	label.horizontal_alignment = HORIZONTAL_ALIGNMENT_CENTER
	label.set_anchors_and_offsets_preset(Control.PRESET_BOTTOM_WIDE)
	label.offset_top = top
	add_child(label)


func _label(text: String, size: int, colour: Color) -> Label:
	var label := Label.new()
	label.text = text
	label.add_theme_font_size_override("font_size", size)
	label.add_theme_color_override("font_color", colour)
	label.add_theme_color_override("font_outline_color", Color(0, 0, 0, 0.65))
	label.add_theme_constant_override("outline_size", 4)
	return label

extends RefCounted
# The kinds of the scenarios, as scenario/kinds.c declares them: with the same ones, servers in Godot and `tramline serve`
# share a store.

const NAMES: PackedStringArray = ["walker", "car", "thing", "tram", "cabin", "avatar", "body", "performer"]
const LAST := 11


static func all() -> Array[TramlineKind]:
	return [
		_kind("walker", TramlineField.LINEAR, _rotation(TramlineField.HEADING, 0.2, 3)),
		_kind("car", TramlineField.LINEAR, _rotation(TramlineField.HEADING, 0.2, 4)),
		_kind("thing", TramlineField.HOLD, _rotation(TramlineField.HOLD, 0.1, 4)),
		_carrier("tram", 30.0),
		_carrier("cabin", 8.0),
		_avatar(),
		_kind("body", TramlineField.LINEAR, _rotation(TramlineField.LINEAR, 0.1, LAST)),
		_performer(),
	]


static func _field(name: String, type: int, predictor: int, level_last: int) -> TramlineField:
	var field := TramlineField.new()
	field.field_name = name
	field.type = type
	field.predictor = predictor
	field.level_last = level_last
	return field


static func _rotation(predictor: int, tolerance_rad: float, level_last: int) -> TramlineField:
	var field := _field("rotation", TramlineField.ROTATION, predictor, level_last)
	field.tolerance = tolerance_rad
	return field


static func _kind(name: String, predictor: int, rotation: TramlineField) -> TramlineKind:
	var kind := TramlineKind.new()
	kind.kind_name = name
	kind.fields = [_field("position", TramlineField.POSITION, predictor, LAST), rotation] as Array[TramlineField]
	return kind


static func _carrier(name: String, reach_m: float) -> TramlineKind:
	var kind := _kind(name, TramlineField.LINEAR, _rotation(TramlineField.LINEAR, 0.002, LAST))
	kind.carrier_reach_m = reach_m
	return kind


static func _avatar() -> TramlineKind:
	var kind := _kind("avatar", TramlineField.LINEAR, _rotation(TramlineField.HOLD, 0.1, 3))
	kind.create_policy = TramlineKind.ALLOW
	return kind


static func _performer() -> TramlineKind:
	var kind := _kind("performer", TramlineField.LINEAR, _rotation(TramlineField.HOLD, 0.1, 3))
	var fields: Array[TramlineField] = kind.fields
	for part: String in ["head", "left_hand", "right_hand"]:
		fields.append(_field(part + "_position", TramlineField.POSITION, TramlineField.LINEAR, 1))
		fields.append(_field(part + "_rotation", TramlineField.ROTATION, TramlineField.LINEAR, 1))
	kind.fields = fields
	return kind

# The kinds of the city's entities, as its servers declare them: what travels of each, and how exactly.
extends RefCounted

const NAMES: PackedStringArray = ["walker", "car", "thing", "tram", "cabin", "avatar"]


static func all() -> Array[TramlineKind]:
	var out: Array[TramlineKind] = [
		_kind("walker", TramlineField.LINEAR, TramlineField.HEADING, 0.2, 3),
		_kind("car", TramlineField.LINEAR, TramlineField.HEADING, 0.2, 4),
		_kind("thing", TramlineField.HOLD, TramlineField.HOLD, 0.1, 4),
		_kind("tram", TramlineField.LINEAR, TramlineField.LINEAR, 0.002, 11), # others ride in these two
		_kind("cabin", TramlineField.LINEAR, TramlineField.LINEAR, 0.002, 11),
		_kind("avatar", TramlineField.LINEAR, TramlineField.HOLD, 0.1, 3),
	]
	out[3].carrier_reach_m = 30.0
	out[4].carrier_reach_m = 8.0
	out[5].create_policy = TramlineKind.ALLOW # by the client whose it is
	return out


static func _kind(kind_name: String, place: int, turn: int, turn_tolerance: float, turn_level_last: int) -> TramlineKind:
	var position := TramlineField.new()
	position.field_name = "position"
	position.type = TramlineField.POSITION
	position.predictor = place
	var rotation := TramlineField.new()
	rotation.field_name = "rotation"
	rotation.type = TramlineField.ROTATION
	rotation.predictor = turn
	rotation.tolerance = turn_tolerance
	rotation.level_last = turn_level_last
	var kind := TramlineKind.new()
	kind.kind_name = kind_name
	kind.fields = [position, rotation] as Array[TramlineField]
	return kind

extends "test_city.gd"
# The same 10'000 km from the origin, where a single-precision float is off by a metre.


func _init() -> void:
	scenario = "far"

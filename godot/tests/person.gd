extends TramlineEntity
# A person of test_entity.gd: with a property that its kind publishes, and a memory of where it was shown, and when.

static var shown_by: TramlineClient

@export var health := 100
var shown_tick := -1.0
var shown_place := Vector3.ZERO


func _ready() -> void:
	process_priority = 1 # after the client has moved it


func _process(_delta: float) -> void:
	if is_instance_valid(shown_by):
		shown_tick = shown_by.get_display_tick()
		shown_place = global_position

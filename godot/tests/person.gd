extends TramlineEntity
# A person of test_entity.gd: with a property that its kind publishes, and a memory of where it was shown, and when.

@export var health := 100


func _process(_delta: float) -> void:
	var from: Node = get_node_or_null(client) if client else null
	if from is TramlineClient:
		set_meta("shown_tick", from.get_display_tick())
		set_meta("shown_place", global_position)

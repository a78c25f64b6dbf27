extends "tramline.gd"
# No node for an entity: all of them are instances of a MultiMesh, filled once a frame.


func _init() -> void:
	nodes = false

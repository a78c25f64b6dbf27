extends "harness.gd"
# The extension is loaded, and has the classes, methods, properties and signals that the documentation names.

const API := {
	"TramlineField": {
		"parent": "Resource",
		"properties": ["field_name", "type", "predictor", "tolerance", "level_last", "bytes_max", "property"],
	},
	"TramlineKind": {
		"parent": "Resource",
		"properties": ["kind_name", "fields", "level_last", "carrier_reach_m", "update_policy", "remove_policy", "create_policy", "scene"],
	},
	"TramlineServer": {
		"parent": "Node",
		"properties": ["store_uri", "server_name", "address", "certificate_file", "key_file", "token_key_file", "tick_hz", "kinds",
			"entities_max", "groups_max", "clients_max", "kbit_s", "autostart", "request_handler"],
		"methods": ["start", "stop", "stop_now", "get_state", "get_state_text", "get_port", "get_fingerprint", "get_server_number",
			"get_tick", "get_time_s", "get_stats", "create_group", "delete_group", "owns_group", "give_group", "get_group_entities",
			"create_entity", "create_entities", "delete_entity", "set_entity", "set_transform", "set_carrier", "set_transforms",
			"get_transforms", "get_entity", "has_entity", "send_message", "drop_client", "add_custom_peer", "receive_custom",
			"remove_custom_peer"],
		"signals": ["started", "stopped", "failed", "fenced", "tick", "client_joined", "client_left", "message_received",
			"group_adopted", "group_lost", "log", "frame_ready"],
	},
	"TramlineClient": {
		"parent": "Node",
		"properties": ["addresses", "fingerprints", "ca_file", "token", "kbit_s", "entities_max", "autoconnect", "reconnect", "kinds",
			"spawn_path", "custom_transport"],
		"methods": ["connect_to_server", "disconnect_from_server", "get_state", "get_server_tick", "get_display_tick", "get_frame_tick",
			"get_tick_hz", "get_stats", "get_address", "get_entities", "get_entity", "has_entity", "get_transform", "get_transforms",
			"get_transforms_at", "fill_multimesh", "set_origin", "get_origin", "update_multimeshes", "send_message", "request_create",
			"request_update", "request_delete", "set_own_entity", "observe_entity", "observe_point", "apply_frame",
			"transport_connected"],
		"signals": ["connected", "disconnected", "entity_entered", "entity_changed", "entity_left", "message_received",
			"request_answered", "frame_received", "datagram_ready"],
	},
	"TramlineEntity": {"parent": "Node3D", "properties": ["kind", "server", "client", "entity_id", "group_id"]},
	"TramlineObserver": {"parent": "Node3D", "properties": ["client", "entity_id"]},
}


func run() -> void:
	var precision: String = arguments["precision"]
	check(OS.has_feature(precision), "Godot's precision is %s" % precision)
	for type: String in API:
		if check(ClassDB.class_exists(type), "the class %s" % type):
			_check_class(type, API[type])
	check(GDExtensionManager.is_extension_loaded("res://addons/tramline/tramline.gdextension"), "the extension is loaded")


func _check_class(type: String, api: Dictionary) -> void:
	check_equal(ClassDB.get_parent_class(type), StringName(api["parent"]), "the parent of %s" % type)
	var properties := ClassDB.class_get_property_list(type, true).map(func(property: Dictionary) -> String: return property["name"])
	for property: String in api["properties"]:
		check(property in properties, "%s has the property %s" % [type, property])
	for method: String in api.get("methods", []):
		check(ClassDB.class_has_method(type, method, true), "%s has the method %s" % [type, method])
	for name: String in api.get("signals", []):
		check(ClassDB.class_has_signal(type, name), "%s has the signal %s" % [type, name])
	var instance: Object = ClassDB.instantiate(type)
	check(instance != null, "a %s can be made" % type)
	for property: String in api["properties"]: # a default is a value that can be set
		instance.set(property, instance.get(property))
	if instance is Node:
		instance.free()

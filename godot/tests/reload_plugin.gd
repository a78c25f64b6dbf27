@tool
extends EditorPlugin
# Runs in the editor for test_reload.sh: the extension is reloaded, several times, while nodes of its classes are there.

const EXTENSION := "res://addons/tramline/tramline.gdextension"

var failures := 0


func _enter_tree() -> void:
	_run.call_deferred()


func _check(condition: bool, what: String) -> void:
	if not condition:
		failures += 1
		print("FAILED: ", what)


func _run() -> void:
	await get_tree().create_timer(1.0).timeout
	_check(Engine.is_editor_hint(), "it runs in the editor")
	_check(GDExtensionManager.is_extension_loaded(EXTENSION), "the extension is loaded")
	var kind: Resource = ClassDB.instantiate("TramlineKind")
	kind.set("kind_name", "cube")
	var server: Node = ClassDB.instantiate("TramlineServer")
	server.set("store_uri", OS.get_user_data_dir().path_join("world"))
	server.set("server_name", "alpha")
	server.set("address", "127.0.0.1:0")
	var kinds: Array = server.get("kinds")
	kinds.append(kind)
	server.set("kinds", kinds)
	add_child(server)
	for round_number in 3:
		var error: int = server.call("start")
		_check(error == OK, "round %d: start() gave %s" % [round_number, error_string(error)])
		await get_tree().create_timer(1.5).timeout
		_check(server.call("get_port") > 0, "round %d: the server runs" % round_number)
		# As it is while it runs: nothing that a developer must stop first.
		var status := GDExtensionManager.reload_extension(EXTENSION)
		_check(status == GDExtensionManager.LOAD_STATUS_OK, "round %d: reloaded, status %d" % [round_number, status])
		await get_tree().process_frame
		_check(is_instance_valid(server) and server.get_class() == "TramlineServer", "round %d: the node is still there" % round_number)
		_check(server.get("server_name") == "alpha", "round %d: its properties, too: %s" % [round_number, server.get("server_name")])
		_check(kind.get("kind_name") == "cube", "round %d: those of a resource, too: %s" % [round_number, kind.get("kind_name")])
		_check(server.has_method("start"), "round %d: its methods, too" % round_number)
	server.free()
	print("EDITOR FAILED" if failures else "EDITOR PASSED")
	get_tree().quit(1 if failures else 0)

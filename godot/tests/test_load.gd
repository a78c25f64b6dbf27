extends "harness.gd"
# The extension is loaded, and what its classes have is what their documentation says, no more and no less: the class that
# each inherits, methods with their parameters, properties, signals and constants.

const DOCS := "res://addons/tramline/doc_classes"
const TYPES: PackedStringArray = ["TramlineClient", "TramlineEntity", "TramlineField", "TramlineKind", "TramlineObserver", "TramlineServer"]


func run() -> void:
	var precision: String = arguments["precision"]
	check(OS.has_feature(precision), "Godot's precision is %s" % precision)
	check(GDExtensionManager.is_extension_loaded("res://addons/tramline/tramline.gdextension"), "the extension is loaded")
	var files := Array(DirAccess.get_files_at(DOCS)).filter(func(file: String) -> bool: return file.ends_with(".xml"))
	check_equal(_sorted(files), _sorted(Array(TYPES).map(func(type: String) -> String: return type + ".xml")), "the documented classes")
	var classes := Array(ClassDB.get_class_list()).filter(func(type: String) -> bool: return type.begins_with("Tramline"))
	check_equal(_sorted(classes), _sorted(Array(TYPES)), "the classes")
	for type in TYPES:
		if check(ClassDB.class_exists(type), "the class %s" % type):
			_check_class(type, _read(DOCS.path_join(type + ".xml")))


func _check_class(type: String, docs: Dictionary) -> void:
	check_equal(String(ClassDB.get_parent_class(type)), docs["inherits"], "the parent of %s" % type)
	var properties := _properties(type)
	for what: String in ["member", "method", "signal", "constant"]:
		check_equal({"member": properties, "method": _methods(type), "signal": _signals(type), "constant": _constants(type)}[what],
				_sorted(docs[what]), "each %s of %s, and what is documented" % [what, type])
	var instance: Object = ClassDB.instantiate(type)
	check(instance != null, "a %s can be made" % type)
	for property: String in properties: # a default is a value that can be set
		instance.set(property, instance.get(property))
	if instance is Node:
		instance.free()


func _properties(type: String) -> Array:
	var names := []
	for property in ClassDB.class_get_property_list(type, true):
		if not property["usage"] & (PROPERTY_USAGE_CATEGORY | PROPERTY_USAGE_GROUP | PROPERTY_USAGE_SUBGROUP):
			names.append(property["name"])
	return _sorted(names)


# Without those that set and get properties.
func _methods(type: String) -> Array:
	var accessors := {}
	for property in _properties(type):
		accessors[String(ClassDB.class_get_property_setter(type, property))] = true
		accessors[String(ClassDB.class_get_property_getter(type, property))] = true
	var methods := ClassDB.class_get_method_list(type, true).filter(
			func(method: Dictionary) -> bool: return not accessors.has(method["name"]) and not method["flags"] & METHOD_FLAG_VIRTUAL)
	return _sorted(methods.map(_with_arguments))


func _signals(type: String) -> Array:
	return _sorted(ClassDB.class_get_signal_list(type, true).map(_with_arguments))


func _constants(type: String) -> Array:
	return _sorted(Array(ClassDB.class_get_integer_constant_list(type, true)).map(
			func(name: String) -> String: return "%s = %d" % [name, ClassDB.class_get_integer_constant(type, name)]))


func _with_arguments(of_list: Dictionary) -> String:
	return "%s(%s)" % [of_list["name"], ", ".join(of_list["args"].map(func(argument: Dictionary) -> String: return argument["name"]))]


func _sorted(names: Array) -> Array:
	var sorted := names.map(func(name: Variant) -> String: return str(name))
	sorted.sort()
	return sorted


# What a class's documentation names, as the functions above do. Each item must have a text.
func _read(path: String) -> Dictionary:
	var docs := {"inherits": "", "member": [], "method": [], "signal": [], "constant": []}
	var parser := XMLParser.new()
	check_equal(parser.open(path), OK, path)
	var item := "" # the method or signal
	var parameters := []
	var words := ""
	while parser.read() == OK:
		var type := parser.get_node_type()
		if type == XMLParser.NODE_TEXT:
			words += parser.get_node_data().strip_edges()
		if type == XMLParser.NODE_ELEMENT:
			match parser.get_node_name():
				"class":
					docs["inherits"] = parser.get_named_attribute_value("inherits")
				"member":
					words = ""
					item = parser.get_named_attribute_value("name")
					if not parser.has_attribute("overrides"):
						docs["member"].append(item)
				"constant":
					words = ""
					item = parser.get_named_attribute_value("name")
					docs["constant"].append("%s = %s" % [item, parser.get_named_attribute_value("value")])
				"method", "signal":
					words = ""
					item = parser.get_named_attribute_value("name")
					parameters = []
				"param":
					parameters.append(parser.get_named_attribute_value("name"))
		if type == XMLParser.NODE_ELEMENT_END and parser.get_node_name() in ["method", "signal", "member", "constant"]:
			check(words != "", "%s: %s is described" % [path, item])
			if parser.get_node_name() in ["method", "signal"]:
				docs[parser.get_node_name()].append("%s(%s)" % [item, ", ".join(parameters)])
	return docs

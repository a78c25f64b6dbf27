# What the command line asks for, after `--`. Unknown words are errors: a bot that ignores a misspelt option checks nothing.
extends RefCounted

const Layout := preload("layout.gd")

const HELP := """Options of the Tramline demo, after `--`:
  --server HOST:PORT       where a server listens; again for each further one, used when the first dies
  --fingerprint TEXT       of that server's certificate, in the same order
  --ready FILE             instead of both: what `tramline serve --ready FILE` wrote
  --token TEXT             who you are (a name, if the server admits everybody)
  --city NAME              big (that of `tramline city`, the default), far (10'000 km away), small (served by Godot)
  --ride NUMBER            which cabin you sit in
  --entities NUMBER        small city: so many
  --store URI, --port N    small city: where its server keeps it, and listens
  --name NAME              of a small city's server: each on a store has its own (default alpha)
  --write-ready FILE       small city: the server writes its port and fingerprint there
  --bot                    no player: check all that is seen against the truth, a line a second
  --seconds NUMBER         stop after so long
  --view NAME              begin in seat, aisle, stop, street, fly or high
  --pictures FOLDER        take a picture of each view (or of those of --views A,B,…), and end
  --jpg                    pictures as JPEG, not PNG
  --tour                   plays by itself: through the tram, out at a stop, in again; exit status 0 if all of it succeeded
  --night NUMBER           0 is day, 1 is night"""

var addresses := PackedStringArray()
var fingerprints := PackedStringArray()
var ready_files := PackedStringArray()
var token := "alice"
var city := ""
var ride := 0
var entities := 2000
var store := "user://small-city"
var port := 0
var server_name := "alpha"
var write_ready := ""
var bot := false
var seconds := 0.0
var view := "seat"
var pictures := ""
var views := PackedStringArray(["seat", "aisle", "stop", "street", "fly", "high"])
var night := 0.72
var jpg := false
var tour := false
var problem := ""


static func read() -> RefCounted:
	var options := new()
	options._parse(OS.get_cmdline_user_args())
	return options


func layout(preset := "big") -> Layout:
	match city if city else preset:
		"small":
			return Layout.small()
		"far":
			return Layout.far()
	return Layout.big()


func _parse(words: PackedStringArray) -> void:
	var n := 0
	while n < words.size() and not problem:
		var word := words[n]
		n += 1
		if word == "--bot":
			bot = true
		elif word == "--jpg":
			jpg = true
		elif word == "--tour":
			tour = true
		elif word == "--help":
			problem = HELP
		elif n < words.size() and _take(word, words[n]):
			n += 1
		else:
			problem = "'%s' is no option, or its value is missing\n\n%s" % [word, HELP]
	for file in ready_files:
		_take_ready(file)
	if city and city not in ["big", "far", "small"] and not problem:
		problem = "--city is '%s'; there are big, far and small" % city
	if addresses.size() != fingerprints.size() and not problem:
		problem = "each --server needs a --fingerprint: `tramline serve` prints it when it starts"


func _take(word: String, value: String) -> bool:
	match word:
		"--server": addresses.append(value)
		"--fingerprint": fingerprints.append(value)
		"--ready": ready_files.append(value)
		"--token": token = value
		"--city": city = value
		"--ride": ride = value.to_int()
		"--entities": entities = value.to_int()
		"--store": store = value
		"--port": port = value.to_int()
		"--name": server_name = value
		"--write-ready": write_ready = value
		"--seconds": seconds = value.to_float()
		"--view": view = value
		"--views": views = value.split(",")
		"--pictures": pictures = value
		"--night": night = value.to_float()
		_: return false
	return true


func _take_ready(file: String) -> void:
	var json: Variant = JSON.parse_string(FileAccess.get_file_as_string(file))
	if json is Dictionary and json.has("port") and json.has("fingerprint"):
		addresses.append("127.0.0.1:%d" % int(json.port))
		fingerprints.append(str(json.fingerprint))
	else:
		problem = "'%s' is not what `tramline serve --ready FILE` writes" % file

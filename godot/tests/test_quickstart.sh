# Follows docs/GODOT.md to the letter: makes the project out of the files that it shows, runs the commands that it names, and
# sees whether the cube moves on the client, and whether it is still the same one, and the only one, after the server was
# stopped and started again. Run by run.sh, which sets godot, work, project, root and TRAMLINE_ADDON.
cube=$work/cube
mkdir -p "$cube/addons" "$work/bin"
cp -r "$TRAMLINE_ADDON" "$cube/addons/tramline"
ln -s "$godot" "$work/bin/godot"
PATH=$work/bin:$PATH
cd "$cube"

# What a mark is followed by, up to the end of the block: <!-- file: NAME --> or <!-- WORD -->.
block() { awk -v mark="<!-- $1 -->" '$0 == mark { found = 1 } found && /^```/ { if (inside) exit; inside = 1; next } inside' "$root/docs/GODOT.md"; }

for name in $(sed -n 's/^<!-- file: \(.*\) -->$/\1/p' "$root/docs/GODOT.md"); do
    block "file: $name" >"$name"
    [ -s "$name" ] || { echo "$name is empty"; exit 1; }
    echo "made $name"
done
# The guide's port may be in use here.
port=$((20000 + $$ % 10000))
sed -i "s/127\.0\.0\.1:7777/127.0.0.1:$port/" server.tscn client.tscn
block run >run.sh
timeout 60 sh -e ./run.sh >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }

block server >server.sh
[ -s server.sh ]
server='' client=''
trap 'kill $server $client 2>/dev/null || true' EXIT
# Its log is $work/server$1.log.
start_server() {
    timeout 100 sh -e ./server.sh >"$work/server$1.log" 2>&1 &
    server=$!
    for _ in $(seq 100); do
        grep -q 'the server runs' "$work/server$1.log" && break
        sleep 0.2
    done
    cat "$work/server$1.log"
}
start_server 1

# The client's scene, inside of one that looks at it: there is no window here to look into.
cat >look.gd <<'SCRIPT'
extends Node

var seen := {}
var id := 0 # of the cube that was seen before the server was started again
var connections := 0
var begun_ms := Time.get_ticks_msec()


func _enter_tree() -> void:
	$Client/Client.connected.connect(_on_connected)
	$Client/Client.reconnected.connect(_on_connected)


func _on_connected() -> void:
	connections += 1
	seen.clear()


func _process(_delta: float) -> void:
	for node in find_children("*", "TramlineEntity", true, false):
		var place: Vector3 = node.global_position
		if absf(place.length() - 3.0) < 0.1 and node.get_node("Box") is MeshInstance3D:
			seen[Vector3i(place.round())] = true
	if seen.size() >= 8 and connections > int(id != 0):
		_judge($Client/Client.get_entities())
	elif Time.get_ticks_msec() - begun_ms > 60000:
		print("the cube was seen at ", seen.keys())
		get_tree().quit(1)


func _judge(ids: PackedInt64Array) -> void:
	if ids.size() != 1 or find_children("*", "TramlineEntity", true, false).size() != 1 or id != 0 and ids[0] != id:
		print("there should be one cube, and always the same one: ", id, ", ", ids)
		get_tree().quit(1)
	elif id != 0:
		print("QUICKSTART PASSED")
		get_tree().quit()
	else:
		id = ids[0]
		print("the cube goes round")
SCRIPT
cat >look.tscn <<'SCENE'
[gd_scene load_steps=3 format=3]

[ext_resource type="Script" path="res://look.gd" id="1"]
[ext_resource type="PackedScene" path="res://client.tscn" id="2"]

[node name="Look" type="Node"]
script = ExtResource("1")

[node name="Client" parent="." instance=ExtResource("2")]
SCENE
block client | sed 's/godot /godot --headless /; s/client\.tscn/look.tscn/' >client.sh
grep -q look.tscn client.sh
timeout 100 sh -e ./client.sh >"$work/log" 2>&1 &
client=$!
for _ in $(seq 200); do
    grep -q 'the cube goes round' "$work/log" && break
    kill -0 $client 2>/dev/null || break
    sleep 0.2
done
kill $server
wait $server || true
start_server 2
wait $client || { cat "$work/log"; exit 1; }
cat "$work/log"
grep -q '^QUICKSTART PASSED$' "$work/log"
# The build with doubles is no editor: it has nothing to make the list of script classes with, which the guide does not need.
if grep -hE '^(SCRIPT |USER )?(ERROR|WARNING)' "$work/log" "$work/server1.log" "$work/server2.log" | grep -v 'Could not load global script cache'; then
    echo "the guide's project complained"
    exit 1
fi

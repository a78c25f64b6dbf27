# What a city looks like on the map: its streets, its tram line, the names of the stops. The big one is that of
# `tramline city`; the small one is for a city that Godot itself serves.
extends RefCounted

const TramLine := preload("tram_line.gd")

const BLOCK_M := 100.0 # streets run along x = 100 i and z = 100 j
const KERB_M := 4.3 # from a street's middle
const PAVEMENT_M := 6.0 # its middle
const FACE_M := 8.0 # where the houses begin
const LANE_M := 1.75 # cars drive on the right

const BIG_LINE := [
	[-1450, -200, true], [-950, -200, true], [-450, -200, true], [-300, -200, false], [-300, -450, true],
	[-300, -700, false], [250, -700, true], [700, -700, false], [700, -450, true], [700, -200, false],
	[1150, -200, true], [1450, -200, true], [1600, -200, false], [1600, 200, false], [1450, 200, true],
	[950, 200, true], [450, 200, true], [-150, 200, true], [-650, 200, true], [-1250, 200, true],
	[-1600, 200, false], [-1600, -200, false],
]
const SMALL_LINE := [
	[-450, -200, true], [-150, -200, true], [100, -200, false], [100, -350, true], [100, -500, false],
	[300, -500, true], [500, -500, false], [500, -250, true], [500, 0, true], [500, 200, false],
	[250, 200, true], [-250, 200, true], [-600, 200, false], [-600, 0, true], [-600, -200, false],
]
const BIG_NAMES := [
	"West Gate", "Mill Lane", "Saltmarket", "Lantern Row", "Observatory", "Hill Steps", "Theatre", "East Quay",
	"Harbour", "Ropewalk", "Guildhall", "Old Bridge", "Orchard", "Foundry",
]
const SMALL_NAMES := ["West Gate", "Saltmarket", "Lantern Row", "Observatory", "Hill Steps", "East Quay", "Guildhall", "Orchard", "Foundry"]

var name := ""
var street_last := 20 # streets are numbered -street_last..street_last
var line: TramLine
var stop_names: Array = []
var stop_b := 0 # stop 0 is A, this is B
var tram_streets_x: Array[int] = [] # numbers of the streets along x that are the trams' own
var tram_streets_z: Array[int] = []
# Of the city's middle, in the world. Floats of a script are doubles: a Vector3 of a single-precision build would not do.
var origin_x_m := 0.0
var origin_z_m := 0.0


static func big() -> RefCounted:
	var layout := new()
	layout.name = "city"
	layout.line = TramLine.new(BIG_LINE, 8, TramLine.CYCLE_S)
	layout.stop_names = BIG_NAMES
	layout.stop_b = 7
	layout.tram_streets_x.assign([-7, -2, 2])
	layout.tram_streets_z.assign([-16, -3, 7, 16])
	return layout


# The same city where single floats are no longer good enough to draw it.
static func far() -> RefCounted:
	var layout := big()
	layout.name = "far"
	layout.origin_x_m = 10000000.0
	layout.origin_z_m = -10000000.0
	return layout


static func small() -> RefCounted:
	var layout := new()
	layout.name = "small"
	layout.street_last = 7
	layout.line = TramLine.new(SMALL_LINE, 4, 0.0)
	layout.stop_names = SMALL_NAMES
	layout.stop_b = 5
	layout.tram_streets_x.assign([-5, -2, 2])
	layout.tram_streets_z.assign([-6, 1, 5])
	return layout


func half_m() -> float:
	return street_last * BLOCK_M


func is_tram_street(along_x: bool, number: int) -> bool:
	return number in (tram_streets_x if along_x else tram_streets_z)


func stop_label(stop: int) -> String:
	var letter := "A" if stop == 0 else "B" if stop == stop_b else ""
	return ("%s  %s" % [letter, stop_names[stop]]).strip_edges()


# Where one stands at a stop, `right_m` to the right of the track, at the door of a cabin.
func beside_stop(stop: int, cabin: int, right_m: float) -> Transform3D:
	var at := line.pose(line.stops[stop].along_m - cabin * TramLine.CABIN_SPACING_M)
	var place := TramLine.transform_of(at)
	return place.translated_local(Vector3(right_m, 0.0, 0.0))

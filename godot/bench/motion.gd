extends RefCounted
# What all entities of the bench do, as a function of time: seven of eight walk round a block on straight pavements, the
# eighth drives in a circle and so never goes straight. Everybody moves all the time.

const WALK_MPS := 1.4
const DRIVE_MPS := 8.0
const SPREAD_M := 400.0 # blocks and circles lie within so much of the origin


static func place(index: int, time_s: float) -> Transform3D:
	var center := Vector3((_random(index, 1) - 0.5) * 2.0 * SPREAD_M, 0.0, (_random(index, 2) - 0.5) * 2.0 * SPREAD_M)
	if index % 8 == 7:
		return _drive(index, center, time_s)
	return _walk(index, center, time_s)


# Round a rectangle, counter-clockwise from above, facing along its sides.
static func _walk(index: int, center: Vector3, time_s: float) -> Transform3D:
	var width := 60.0 + 80.0 * _random(index, 3)
	var depth := 60.0 + 80.0 * _random(index, 4)
	var around := 2.0 * (width + depth)
	var along := fposmod(WALK_MPS * time_s + around * _random(index, 5), around)
	var corner := center - Vector3(width / 2.0, 0.0, depth / 2.0)
	if along < width:
		return Transform3D(_facing(-PI / 2.0), corner + Vector3(along, 0.0, 0.0))
	if along < width + depth:
		return Transform3D(_facing(PI), corner + Vector3(width, 0.0, along - width))
	if along < 2.0 * width + depth:
		return Transform3D(_facing(PI / 2.0), corner + Vector3(2.0 * width + depth - along, 0.0, depth))
	return Transform3D(_facing(0.0), corner + Vector3(0.0, 0.0, around - along))


static func _drive(index: int, center: Vector3, time_s: float) -> Transform3D:
	var radius := 30.0 + 50.0 * _random(index, 3)
	var angle := DRIVE_MPS * time_s / radius + TAU * _random(index, 5)
	return Transform3D(_facing(angle), center + Vector3(radius * cos(angle), 0.0, -radius * sin(angle)))


# Forward is -Z: at 0 it looks to -Z, and turns to the left as the angle grows.
static func _facing(angle: float) -> Basis:
	return Basis(Vector3.UP, angle)


# The same number in 0..1 each time.
static func _random(index: int, salt: int) -> float:
	var mixed := (index * 2654435761 + salt * 40503) & 0xffffffff
	mixed = ((mixed ^ (mixed >> 16)) * 0x45d9f3b) & 0xffffffff
	mixed = ((mixed ^ (mixed >> 16)) * 0x45d9f3b) & 0xffffffff
	return float((mixed ^ (mixed >> 16)) & 0xffffff) / 16777216.0


# Processor time of this thread, so that a busy machine does not count.
static func cpu_us() -> int:
	return int(FileAccess.open("/proc/thread-self/schedstat", FileAccess.READ).get_line().get_slice(" ", 0)) / 1000

extends RefCounted
# A way for datagrams to a server, as a router makes one: what comes from a client goes on from a port of the client's own.
# rebind() gives each another port, and forgets the old one, as a router does after a while: neither side notices.

var port := 0

var _door := PacketPeerUDP.new()
var _server_port := 0
var _ways := {} # a client's "address port" to its PacketPeerUDP towards the server


func open(server_port: int) -> bool:
	_server_port = server_port
	var good := _door.bind(0, "127.0.0.1") == OK
	port = _door.get_local_port()
	return good


func rebind() -> void:
	for who: String in _ways:
		_ways[who] = _way()


func poll() -> void:
	while _door.get_available_packet_count() > 0:
		var data := _door.get_packet()
		var who := "%s %d" % [_door.get_packet_ip(), _door.get_packet_port()]
		if not _ways.has(who):
			_ways[who] = _way()
		_ways[who].put_packet(data)
	for who: String in _ways:
		while _ways[who].get_available_packet_count() > 0:
			var data: PackedByteArray = _ways[who].get_packet()
			_door.set_dest_address(who.get_slice(" ", 0), who.get_slice(" ", 1).to_int())
			_door.put_packet(data)


func _way() -> PacketPeerUDP:
	var way := PacketPeerUDP.new()
	way.connect_to_host("127.0.0.1", _server_port)
	return way

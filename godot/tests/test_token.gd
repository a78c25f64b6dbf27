extends "harness.gd"
# Who may join, and with whom: tokens that `tramline token` signed, and the certificate's fingerprint.

var server: TramlineServer
var reasons := []


func run() -> void:
	var keys := folder("keys")
	for who: String in ["ours", "theirs"]:
		_tramline(["token", "keys", keys.path_join(who + ".private"), keys.path_join(who + ".public")])
	server = new_server(folder("store"), [new_kind("cube", TramlineKind.ALLOW)])
	server.token_key_file = keys.path_join("ours.public")
	var joined := []
	server.client_joined.connect(func(_number: int, who: String) -> void: joined.append(who))
	if not await start(server):
		return
	var token := _tramline(["token", "make", "--key", keys.path_join("ours.private"), "--name", "carol"])
	var reader := _tramline(["token", "make", "--key", keys.path_join("ours.private"), "--name", "dave", "--read-only"])
	var forged := _tramline(["token", "make", "--key", keys.path_join("theirs.private"), "--name", "mallory"])
	await _refused("", "no token")
	await _refused(forged, "a token that another key signed")
	await _refused(token.left(-8) + "AAAAAAAA", "a token that was changed")
	var client := _client(token)
	await connect_client(client)
	await until(func() -> bool: return "carol" in joined, "the server knows whose token it is: %s" % [joined])
	var read_only := _client(reader)
	await connect_client(read_only)
	var answers := []
	read_only.request_answered.connect(func(_request: int, result: int, _id: int) -> void: answers.append(result))
	read_only.request_create("cube", Transform3D())
	await until(func() -> bool: return not answers.is_empty(), "a request is answered")
	check(answers and answers[0] != OK, "a client that may only read creates nothing")
	var other := _client(token)
	other.fingerprints = PackedStringArray([server.get_fingerprint().replace("a", "b").replace("0", "1")])
	await _not_live(other, "a server with another fingerprint")


func _tramline(arguments_of_it: Array) -> String:
	var output := []
	check_equal(OS.execute(arguments["program"], arguments_of_it, output), 0, "tramline %s" % [arguments_of_it.slice(0, 2)])
	return output[0].strip_edges()


func _client(token: String) -> TramlineClient:
	var client := new_client(server)
	client.token = token
	client.reconnect = false
	root.add_child(client)
	return client


func _refused(token: String, what: String) -> void:
	await _not_live(_client(token), what)


func _not_live(client: TramlineClient, what: String) -> void:
	reasons.clear()
	var live := [false]
	client.connected.connect(func() -> void: live[0] = true)
	client.disconnected.connect(func(reason: String) -> void: reasons.append(reason))
	client.connect_to_server()
	await until(func() -> bool: return not reasons.is_empty(), "a client with %s is disconnected" % what)
	check(not live[0], "a client with %s was never live" % what)
	print("%s: %s" % [what, reasons])
	client.queue_free()

#!/usr/bin/env python3
"""Godot's own replication (MultiplayerSpawner and MultiplayerSynchronizer over ENet) beside Tramline, with the same moving
entities: a headless server and a headless client of each, one after another, on this machine.

    godot/bench/bench.py [--godot PROGRAM] [--addon DIR] [--entities 1000,5000,10000] [--only synchronizer|tramline]

Prints the table of docs/GODOT.md. For 8 s both processes' processor time is read from /proc and the bytes from the
loopback device of a network of their own, so that headers and what goes back are in it; the game's own work, which is the
same in both, is measured by the server and taken away. Needs Linux, unshare and ip.
"""
import argparse
import json
import os
import pathlib
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TICK_HZ = 20
TIMEOUT_S = 120
CLOCK_HZ = os.sysconf("SC_CLK_TCK")


class Failed(Exception):
    pass


class Side:
    """One Godot process; its lines that begin with "@" arrive in `lines`."""

    def __init__(self, command, name):
        self.name = name
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.lines = queue.Queue()
        self.other = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            if line.startswith("@"):
                self.lines.put(line[1:].strip())
            elif len(self.other) < 40:
                self.other.append(line.rstrip())
        self.lines.put(None)

    def expect(self, word):
        """The next line, which must begin with `word`; gives what follows it."""
        try:
            line = self.lines.get(timeout=TIMEOUT_S)
        except queue.Empty:
            line = None
        if line is None or not line.startswith(word):
            raise Failed(f"the {self.name} said {line!r} instead of {word!r}:\n" + "\n".join(self.other))
        rest = line[len(word):].strip()
        return json.loads(rest) if rest.startswith("{") else rest

    def cpu_s(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / CLOCK_HZ

    def memory_mb(self):
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        return 0.0

    def end(self):
        self.process.kill()
        self.process.wait()


def loopback_bytes():
    for line in pathlib.Path("/proc/self/net/dev").read_text().splitlines():
        if line.strip().startswith("lo:"):
            return int(line.split(":")[1].split()[0])
    raise Failed("there is no loopback device")


def measure(godot, project, system, entities, port):
    def command(side, *more):
        return [godot, "--headless", "--path", str(project), "--script", f"res://{system}.gd", "--", side, str(port),
                str(entities), *more]

    server = Side(command("server"), f"{system} server")
    client = None
    try:
        more = server.expect("listening").split()
        begun_s = time.time()
        client = Side(command("client", *more), f"{system} client")
        client.expect("window begins")
        join_s = time.time() - begun_s - 2  # it settles for so long
        before = time.time(), server.cpu_s(), client.cpu_s(), loopback_bytes()
        client.expect("window ends")
        after = time.time(), server.cpu_s(), client.cpu_s(), loopback_bytes()
        memory = server.memory_mb(), client.memory_mb()
        count_from = client.expect("count")["from"]
        counted = client.expect("counted")
        ticks = server.expect("ticks")
        result = client.expect("result")
    finally:
        server.end()
        if client:
            client.end()
    in_window = sum(before[0] <= t < after[0] for t in ticks["times"])
    made = sum(count_from <= t < counted["to"] for t in ticks["times"])
    window_s = after[0] - before[0]
    game_ms = ticks["game_us"] / 1000 / len(ticks["times"])
    # A tick at the window's edge may be counted on one side only.
    delivered = counted["share"] if "share" in counted else min(1.0, counted["updates"] / (made * entities))
    return {
        "system": system,
        "entities": entities,
        "join_s": join_s,
        "game_ms": game_ms,
        "server_ms": 1000 * (after[1] - before[1]) / in_window - game_ms,
        "client_ms": 1000 * (after[2] - before[2]) / window_s / TICK_HZ,
        "kbit_s": 8 * (after[3] - before[3]) / 1000 / window_s,
        "tick_hz": in_window / window_s,
        "delivered": delivered,
        "in_step": result["in_step"],
        "server_mb": memory[0],
        "client_mb": memory[1],
    }


# What the table calls them.
NAMES = {"synchronizer": "MultiplayerSynchronizer", "tramline": "Tramline, a node each",
         "tramline_multimesh": "Tramline, MultiMesh"}


def number(value):
    return f"{value:.1f}" if value < 10 else f"{value:,.0f}".replace(",", "'")


def row(r):
    cells = [number(r["entities"]) if r["entities"] >= 10 else r["entities"], NAMES[r["system"]], number(r["kbit_s"]),
             number(r["server_ms"]), number(r["client_ms"]), f"{100 * r['delivered']:.1f} %",
             number(r["in_step"]) if r["in_step"] >= 10 else r["in_step"], number(r["join_s"]),
             f"{number(r['server_mb'])} + {number(r['client_mb'])}"]
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


HEAD = """| entities | | kbit/s | server, ms a tick | client, ms a tick | delivered | in step at rest | join, s | memory, MB |
| ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"""


def make_project(addon):
    """A copy, since Godot writes into the project that it opens."""
    project = pathlib.Path(tempfile.mkdtemp(prefix="tramline-bench-"))
    for file in HERE.iterdir():
        if file.suffix in (".gd", ".godot", ".tscn"):
            shutil.copy(file, project)
    if addon:
        (project / "addons").mkdir()
        shutil.copytree(addon, project / "addons" / "tramline")
        (project / ".godot").mkdir()
        (project / ".godot" / "extension_list.cfg").write_text("res://addons/tramline/tramline.gdextension\n")
    return project


def own_network():
    """Begins this program again in a network of its own, so that nobody else's bytes are counted."""
    if os.environ.get("TRAMLINE_BENCH_NETWORK"):
        return
    os.environ["TRAMLINE_BENCH_NETWORK"] = "1"
    again = ["unshare", "-rn", "sh", "-c", 'ip link set lo up && exec "$@"', "sh", sys.executable, *sys.argv]
    os.execvp(again[0], again)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--godot", default=str(ROOT / "build/godot/single/usr/bin/godot"))
    parser.add_argument("--addon", default=str(ROOT / "build/release/godot/addons/tramline"))
    parser.add_argument("--entities", default="1000,5000,10000")
    parser.add_argument("--only", choices=sorted(NAMES))
    arguments = parser.parse_args()
    own_network()
    systems = [arguments.only] if arguments.only else list(NAMES)
    project = make_project(arguments.addon if systems != ["synchronizer"] else None)
    failed = False
    try:
        print(HEAD, flush=True)
        port = 7911
        for entities in [int(n) for n in arguments.entities.split(",")]:
            for system in systems:
                port += 1
                try:
                    print(row(measure(arguments.godot, project, system, entities, port)), flush=True)
                except Failed as why:
                    failed = True
                    print(f"bench: {why}", file=sys.stderr)
    finally:
        shutil.rmtree(project)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

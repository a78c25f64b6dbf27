#!/bin/sh
# Records a city in the traffic simulator SUMO, as FCD XML, for the scenario "trace": a street grid with pavements, people
# who walk and cars that drive about at random. Needs Debian's packages sumo, sumo-tools, python3 and zstd.
#
#   scripts/make-recording.sh [--small] [--entities N] [--seconds S] [--output FILE]
#
# --small makes the sample of the repository (scenario/sample/grid.fcd.xml.zst: 100 entities, 60 s); otherwise it is
# 100'000 entities on 4 x 4 km, 120 s at 5 Hz, which takes a quarter of an hour and 7 GB that are compressed on the way.
# A run that was stopped goes on after the last step that it had finished; SUMO's own run is one step.
set -eu

here=$(cd "$(dirname "$0")/.." && pwd)
small=0 entities= seconds= output=
while [ $# -gt 0 ]; do
    case $1 in
    --small) small=1 ;;
    --entities) entities=$2; shift ;;
    --seconds) seconds=$2; shift ;;
    --output) output=$2; shift ;;
    *) sed -n '2,10s/^# \{0,1\}//p' "$0"; exit 2 ;;
    esac
    shift
done
if [ $small = 1 ]; then
    streets=5 level=19 warm_up=30
    : "${entities:=100}" "${seconds:=60}" "${output:=$here/scenario/sample/grid.fcd.xml.zst}"
else
    streets=41 level=3 warm_up=90
    : "${entities:=100000}" "${seconds:=120}" "${output:=city.fcd.xml.zst}"
fi
for tool in netgenerate sumo python3 zstd; do
    command -v $tool >/dev/null || { echo "$tool is missing: apt-get install sumo sumo-tools python3 zstd" >&2; exit 1; }
done

mkdir -p "$output.work"
work=$(cd "$output.work" && pwd)
wanted="$streets $entities $seconds"
if [ "$(cat "$work/wanted" 2>/dev/null)" != "$wanted" ]; then
    rm -f "$work"/*
    echo "$wanted" >"$work/wanted"
fi

if [ ! -f "$work/net.xml" ]; then
    echo "1/3 streets"
    netgenerate --grid --grid.number=$streets --grid.length=100 --default.lanenumber=1 --default.speed=13.8 \
        --sidewalks.guess --crossings.guess --tls.guess --seed=1 --no-warnings --output-file="$work/net.part.xml" >/dev/null
    mv "$work/net.part.xml" "$work/net.xml"
fi

if [ ! -f "$work/people.xml" ]; then
    echo "2/3 $entities people and cars"
    python3 - "$work/net.xml" "$work/people.part.xml" "$entities" $((seconds + warm_up)) $warm_up <<'PYTHON'
import random, sys
import xml.etree.ElementTree as tree

net, output, entities, seconds, warm_up = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:])
random.seed(1)
edges, leaving = {}, {}
for edge in tree.parse(net).getroot().iter("edge"):
    if edge.get("function") is None:
        edges[edge.get("id")] = edge
        leaving.setdefault(edge.get("from"), []).append(edge.get("id"))

def way(length):  # of edges, without turning back
    names = [random.choice(list_of_edges)]
    while len(names) < length:
        last = edges[names[-1]]
        choice = [e for e in leaving[last.get("to")] if edges[e].get("to") != last.get("from")]
        names.append(random.choice(choice or leaving[last.get("to")]))
    return " ".join(names)

list_of_edges = sorted(edges)
rows = []
for number in range(entities):
    depart = random.uniform(0, warm_up * 2 / 3)
    if number % 20:  # 95 of 100
        length = 4 + int(seconds * 1.7 / 90)
        rows.append((depart, f'<person id="p{number}" type="walker" depart="{depart:.1f}" departPos="random">'
                             f'<walk edges="{way(length)}" arrivalPos="50"/></person>'))
    else:
        length = 4 + int(seconds * 14 / 90)
        rows.append((depart, f'<vehicle id="c{number}" depart="{depart:.1f}" departPos="random_free" departSpeed="max">'
                             f'<route edges="{way(length)}"/></vehicle>'))
rows.sort()
with open(output, "w") as file:
    file.write('<routes>\n<vType id="walker" vClass="pedestrian" maxSpeed="1.4" speedFactor="normc(1,0.12,0.65,1.25)"/>\n')
    file.writelines(row + "\n" for depart, row in rows)
    file.write("</routes>\n")
PYTHON
    mv "$work/people.part.xml" "$work/people.xml"
fi

if [ ! -f "$output" ]; then
    echo "3/3 $seconds s, after $warm_up s that are not recorded"
    rm -f "$work/fcd"
    mkfifo "$work/fcd"
    zstd -q -f -$level -o "$work/fcd.part.zst" <"$work/fcd" &
    packer=$!
    # In its folder, so that the recording's header names no paths.
    (cd "$work" && sumo --net-file net.xml --route-files people.xml --pedestrian.model nonInteracting --seed 1 \
        --begin 0 --end $((warm_up + seconds)) --step-length 0.2 --device.fcd.begin $warm_up --fcd-output fcd \
        --no-warnings --time-to-teleport 30 --step-log.period 25)
    wait $packer
    mv "$work/fcd.part.zst" "$output"
fi
rm -rf "$work"
ls -l "$output"

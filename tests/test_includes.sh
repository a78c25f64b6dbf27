#!/bin/sh
# Who may include whom: checks every #include against the table in docs/ARCHITECTURE.md. Says each that breaks it.
#   test_includes.sh SOURCE_FOLDER
set -eu
cd "$1"
rules=$(sed -n '/<!-- includes: begin -->/,/<!-- includes: end -->/p' docs/ARCHITECTURE.md | grep '^| `' | tr -d '`')
[ -n "$rules" ] || { echo "docs/ARCHITECTURE.md has no table of includes"; exit 1; }
files=$(find include src scenario bench fuzz tests godot -name '*.[ch]' -o -name '*.cpp' -o -name '*.hpp')
# shellcheck disable=SC2086 # names have no spaces
echo "$rules" | awk -F'|' '
    function glob(text, pattern) { # * stands for anything
        gsub(/[.]/, "[.]", pattern)
        gsub(/\*/, ".*", pattern)
        return text ~ "^" pattern "$"
    }
    function exists(path) { return path in file } # own: of the same folder; core: of src/core; any: not of Tramline
    function allowed(name, words, folder,    list, count, i) {
        count = split(words, list, " ")
        for (i = 1; i <= count; i++) {
            if (list[i] == "own" ? exists(folder "/" name) : list[i] == "core" ? exists("src/core/" name) : list[i] == "any" ? name !~ /^(tramline|scenario)\// : glob(name, list[i])) return 1
        }
        return 0
    }
    function fault(why) { print why; faults++ }
    NR == FNR { gsub(/ /, "", $2); quoted[$2] = $3; bracketed[$2] = $4; next }
    { file[$0] = 1 }
    END {
        for (path in file) {
            folder = path
            sub(/\/[^\/]*$/, "", folder)
            row = path in quoted ? path : folder
            if (!(row in quoted)) { fault(path ": its folder has no row in the table of includes"); continue }
            for (line = 1; (getline text < path) > 0; line++) {
                if (text !~ /^[ \t]*#[ \t]*include/) continue
                includes++
                name = text
                sub(/^[ \t]*#[ \t]*include[ \t]*/, "", name)
                kind = substr(name, 1, 1)
                name = substr(name, 2)
                sub(/[">].*/, "", name)
                good = kind == "\"" ? allowed(name, quoted[row], folder) : kind == "<" && allowed(name, bracketed[row], folder)
                if (!good) fault(path ":" line ": " row " may not include " name)
            }
            close(path)
        }
        if (includes < 100) fault("only " includes + 0 " includes were found: is this the source folder?")
        exit faults > 0
    }' - /dev/fd/3 3<<END
$files
END

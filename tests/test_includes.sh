#!/bin/sh
# Who may include whom: checks every #include against the two tables in docs/ARCHITECTURE.md, which folders and which files
# of its folder a file may include. Prints each that breaks a rule.
#   test_includes.sh SOURCE_FOLDER
set -eu
cd "$1"
table() { # NAME: its rows, without the heads
    sed -n "/<!-- $1: begin -->/,/<!-- $1: end -->/p" docs/ARCHITECTURE.md | grep '^| [`|]' | sed "s/^|/$1|/" | tr -d '`'
}
rules=$(table includes) order=$(table order)
[ -n "$rules" ] && [ -n "$order" ] || { echo "docs/ARCHITECTURE.md lacks the table of includes or the one of files"; exit 1; }
files=$(find include src scenario examples bench fuzz tests godot -name '*.[ch]' -o -name '*.cpp' -o -name '*.hpp')
printf '%s\n' "$order" "$rules" | awk -F'|' '
    function glob(text, pattern) { # * stands for any name, but not for a folder
        gsub(/[.]/, "[.]", pattern)
        gsub(/\*/, "[^/]*", pattern)
        return text ~ "^" pattern "$"
    }
    function matches(name, word, folder) {
        if (word == "own") return folder "/" name in file
        if (word == "core") return name ~ /^(base|motion|wire|world|server|client)\/[^\/]*$/ && "src/" name in file
        if (word == "any") return name !~ /^(tramline|scenario)\//
        return glob(name, word)
    }
    function allowed(name, words, folder,    list, count, i) {
        count = split(words, list, " ")
        for (i = 1; i <= count; i++) if (matches(name, list[i], folder)) return 1
        return 0
    }
    function fault(why) { print why; faults++ }
    function stem(path) { # a header of base/os is implemented once for each system
        sub(/[.][a-z]+$/, "", path)
        if (path ~ /base\/os\//) sub(/_(posix|win32)$/, "", path)
        return path
    }
    function place_all(folder, words,    list, count, i, joined, j) { # in the order of the table; those joined by + have one place
        count = split(words, list, " ")
        for (i = 1; i <= count; i++) {
            places++
            split(list[i], joined, "+")
            for (j in joined) place[folder "/" joined[j]] = places
        }
    }
    function is_ordered(path) { return path ~ /^(src|godot\/extension)\// }
    function check_place(path, line, name, folder,    from, to) {
        from = stem(path)
        to = path ~ /^src\// ? "src/" stem(name) : folder "/" stem(name)
        if (from in place && to in place && place[to] > place[from]) fault(path ":" line ": " name " comes after it in the table of files")
    }
    $1 == "order" {
        gsub(/ /, "", $2)
        if ($2 != "") ordered = $2
        place_all(ordered, $3)
        next
    }
    $1 == "includes" { gsub(/ /, "", $2); quoted[$2] = $3; bracketed[$2] = $4; next }
    { file[$0] = 1; exists[stem($0)] = 1 }
    END {
        for (path in place) if (!(path in exists)) fault(path ": is in the table of files, but there is no such file")
        for (path in file) {
            folder = path
            sub(/\/[^\/]*$/, "", folder)
            row = path in quoted ? path : folder
            if (!(row in quoted)) { fault(path ": its folder has no row in the table of includes"); continue }
            if (is_ordered(path) && !(stem(path) in place)) fault(path ": is not in the table of files")
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
                if (is_ordered(path) && kind == "\"") check_place(path, line, name, folder)
            }
            close(path)
        }
        if (includes < 100) fault("only " includes + 0 " includes were found: is this the source folder?")
        exit faults > 0
    }' - /dev/fd/3 3<<END
$files
END

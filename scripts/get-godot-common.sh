# What get-godot.sh and get-godot-double.sh share; they source it, and it is of no use alone. They set: me, the script's
# name; what, that is skipped without what it brings; dest, the folder; wanted, what the folder must have been made by; program.

# The exit status 3 tells tests to be skipped.
cannot() {
    echo "$me: $1; $what is skipped" >&2
    exit 3
}

# Ends the script if the folder is as it should be.
end_if_ready() {
    if [ "$(cat "$dest/stamp" 2>/dev/null)" = "$wanted" ]; then
        echo "$dest/$program"
        exit 0
    fi
}

# needs TOOL...: and sets the mirror.
needs() {
    for tool in apt-get "$@"; do
        command -v "$tool" >/dev/null || cannot "this machine has no $tool"
    done
    mirror=${MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Label: Debian' | head -n 1)}
    [ -n "$mirror" ] || cannot "apt knows no Debian mirror (try apt-get update, or set MIRROR)"
}

# One at a time: tests that run side by side wait here for the first.
wait_for_others() {
    mkdir -p "$(dirname "$dest")"
    exec 9>"$dest.lock"
    flock 9
    end_if_ready
}

make_folder_anew() {
    rm -rf "$dest"
    mkdir -p "$dest"
    dest=$(cd "$dest" && pwd)
}

# make_apt TYPE [OPTION]: apt with a world of its own, in $apt; one source, of that type, and its lists are fetched.
make_apt() {
    apt=$dest/apt
    mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" "$apt/packages" "$apt/preferences.d" "$apt/apt.conf.d"
    echo "$1 [${2:+$2 }signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" >"$apt/sources.list"
    own="-oDir::Etc=$apt -oDir::Etc::sourcelist=$apt/sources.list -oDir::Etc::sourceparts=/dev/null
        -oDir::State::Lists=$apt/lists -oDir::Cache=$apt/cache -oAcquire::Languages=none -oAcquire::Retries=3
        -oAPT::Update::Error-Mode=any -oAPT::Sandbox::User="
    apt-get $own -qq update || cannot "the list of packages cannot be fetched from Debian's mirror"
}

# Says that it is done, and what it is.
finish() {
    version=$("$dest/$program" --headless --version)
    echo "$me: Godot $version" >&2
    printf '%s' "$version" >"$dest/version"
    printf '%s' "$wanted" >"$dest/stamp"
    echo "$dest/$program"
}

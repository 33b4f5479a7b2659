# shellcheck shell=bash
# Sourced by the other scripts: where the project is, how a step is announced, how one fails.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
state=$root/target/setup
mkdir -p "$state"

# say WHAT: the one line a step prints.
say() { printf 'setup: %s\n' "$*" >&2; }

# fail WHY NEXT: ends the script with the reason and the next thing to do.
fail() {
    printf 'setup: failed: %s\n' "$1" >&2
    printf 'setup: next: %s\n' "$2" >&2
    exit 1
}

# quietly LOG COMMAND...: runs a command with its output kept in a file, shown only when it fails.
quietly() {
    local log=$state/$1
    shift
    "$@" >"$log" 2>&1 </dev/null && return
    tail -n 20 "$log" >&2
    return 1
}

# alone LOCK: waits until no other run of a setup script holds LOCK; it is held until this script ends.
alone() {
    exec 9>"$state/$1.lock"
    flock 9
}

# pinned_python NAME HOME PINS: makes a virtual environment with what the file PINS names by hash, and nothing else.
pinned_python() {
    quietly "$1-venv.log" python3 -m venv "$2" ||
        fail "python3 cannot make a virtual environment" "install python3-venv, then run this again"
    quietly "$1-pip.log" "$2/bin/python" -m pip install --quiet --disable-pip-version-check \
        --no-deps --only-binary :all: --require-hashes -r "$3" ||
        fail "pip could not install what ${3#"$root/"} names" \
            "check the network; if it says that hashes do not match, do not go on: the package is not the one that was pinned"
}

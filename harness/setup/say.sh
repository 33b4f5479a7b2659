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

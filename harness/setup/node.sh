#!/usr/bin/env bash
# Makes sure that there is a Node to run tests in: any that is installed and new enough, else Debian's.
set -euo pipefail
# shellcheck source=say.sh
source "$(dirname "$0")/say.sh"

# Node 18 is the first whose V8 has everything that the compiler puts into a wasm32 module today.
oldest=18
new_enough() { [[ $(node --version 2>/dev/null | sed 's/^v\([0-9]*\)\..*$/\1/') -ge $oldest ]]; }

new_enough && exit 0
"$root/harness/setup/debian.sh" nodejs
new_enough || fail "node is $(node --version 2>&1) and the tests need $oldest" "install a newer Node, or remove the one that hides Debian's"

#!/usr/bin/env bash
# Takes each check of the core out in turn and writes down which vectors fail without it: tests/removed-checks.json.
#
# One build of a copy of the core stands for all of them: below target/removed each check asks a switch whether it is there.
# The copy is built with the workspace's own dependencies, so only its members are built once more.
#
# usage: removed.sh; fails where a check is missed by no vector and excused by tests/removed/excuses.json neither
set -euo pipefail
# shellcheck source=say.sh
source "$(dirname "$0")/say.sh"

tree=$root/target/removed
alone removed
mkdir -p "$tree"
# Everything but the core's sources, with their dates: what did not change need not be built again.
find "$tree" -mindepth 1 -maxdepth 1 ! -name filter ! -name Cargo.lock -exec rm -rf {} +
find "$tree/filter" -mindepth 1 -type f ! -path "$tree/filter/core/src/*" -delete 2>/dev/null || true
(cd "$root" && git ls-files -z --cached --others --exclude-standard -- . ':!filter/core/src' ':!Cargo.lock' | xargs -0 tar -cf - --no-recursion) |
    tar -xf - -C "$tree"
[[ -f $tree/Cargo.lock ]] || cp "$root/Cargo.lock" "$tree/Cargo.lock"
sed -i 's|^\[dependencies\]$|&\nactgate-removed-switch = { path = "../../tests/removed/switch" }|' "$tree/filter/core/Cargo.toml"

export CARGO_TARGET_DIR=$root/target CARGO_PROFILE_DEV_DEBUG=0 CARGO_INCREMENTAL=0
cd "$tree"
cargo run --offline -q -p actgate-removed-finder -- "$root" "$tree"
say "building a core whose checks can be taken out; log: target/setup/removed.log"
quietly removed.log cargo build --offline -p actgate-removed || fail "the changed core does not build" "see target/setup/removed.log"
say "running the vectors without each of them"
"$root/target/debug/actgate-removed" "$tree/checks.json" "$root/tests/removed/excuses.json" "$root/tests/removed-checks.json"

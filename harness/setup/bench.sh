#!/usr/bin/env bash
# Builds and installs what a benchmark needs beside the filter and Envoy, then runs it.
#
# usage: bench.sh [ARGUMENT...]; see tests/bench/src/main.rs
set -euo pipefail
# shellcheck source=say.sh
source "$(dirname "$0")/say.sh"

command -v wrk >/dev/null || "$root/harness/setup/debian.sh" wrk
command -v taskset >/dev/null || "$root/harness/setup/debian.sh" util-linux
noop=$root/target/bench/noop.wasm
"$root/harness/setup/wasm.sh" -p actgate-bench-noop -o "$noop"
say "building what stands around the proxies"
quietly bench-peers.log cargo build --locked --manifest-path "$root/Cargo.toml" --profile peers -p actgate-bench-peers \
    --target-dir "$root/target/bench/build" || fail "the peers do not build" "see target/setup/bench-peers.log"
# Together with the tests, so that both are built with the same features and share what was built for either.
cargo build --locked -q --manifest-path "$root/Cargo.toml" -p actgate-tests -p actgate-bench
exec "$root/target/debug/actgate-bench" \
    --peers "$root/target/bench/build/peers/bench-peers" --noop "$noop" "$@"

#!/usr/bin/env bash
# Says which share of the core's code its tests and the vectors run, in regions, file by file.
#
# Debian's llvm-19 reads what newer compilers write; rustup's own llvm-tools are not needed.
# Only the workspace's crates are instrumented, so everything else is built once for all purposes.
#
# usage: coverage.sh [PERCENT]; fails below so many per cent of all regions
set -euo pipefail
# shellcheck source=say.sh
source "$(dirname "$0")/say.sh"

least=${1:-90}
llvm=${LLVM_BIN:-/usr/lib/llvm-19/bin}
home=$root/target/coverage
tests=(-p actgate-core -p actgate-tests --lib --test config --test properties --test vectors)

"$root/harness/setup/native.sh"
[[ -x $llvm/llvm-cov && -x $llvm/llvm-profdata ]] || "$root/harness/setup/debian.sh" llvm-19
rm -rf "$home"
mkdir -p "$home"
# cargo keeps what a wrapper compiled apart from what was compiled without it.
cat >"$home/rustc" <<'WRAPPER'
#!/bin/sh
exec "$@" -C instrument-coverage
WRAPPER
chmod +x "$home/rustc"

cd "$root"
export RUSTC_WORKSPACE_WRAPPER=$home/rustc LLVM_PROFILE_FILE=$home/%p-%m.profraw
say "building and running the tests; log: target/setup/coverage.log"
quietly coverage.log cargo test --locked --no-fail-fast "${tests[@]}" || fail "a test fails" "see target/setup/coverage.log"
objects=()
while read -r program; do objects+=(-object "$program"); done < <(
    cargo test --locked --no-run --message-format json "${tests[@]}" 2>/dev/null |
        python3 -c 'import json, sys
for message in map(json.loads, sys.stdin):
    if message.get("executable"): print(message["executable"])'
)
"$llvm/llvm-profdata" merge --sparse "$home"/*.profraw -o "$home/all.profdata" 2>"$state/coverage-merge.log" ||
    fail "the profiles cannot be merged" "see target/setup/coverage-merge.log; the compiler's profile format may be newer than llvm-19"
"$llvm/llvm-cov" export --instr-profile "$home/all.profdata" "${objects[@]}" --sources "$root/filter/core/src" \
    >"$home/all.json" 2>>"$state/coverage-merge.log" || fail "llvm-cov cannot read the programs" "see target/setup/coverage-merge.log"
python3 harness/setup/coverage-report.py "$home/all.json" "$root/filter/core/src" "$least"

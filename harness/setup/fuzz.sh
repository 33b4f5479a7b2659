#!/usr/bin/env bash
# Fuzzes every parser of the core and sequences of its operations, each for so many seconds; 60 unless told.
#
# usage: fuzz.sh [SECONDS [TARGET...]]
#
# The stable toolchain builds it: RUSTC_BOOTSTRAP allows the coverage flags. Without a sanitizer, since the core has no unsafe code.
# A find is minimised, and said with the line that keeps it: filter/core/fuzz/finds/TARGET-NAME.txt is replayed by every test run.
set -euo pipefail
# shellcheck source=say.sh
source "$(dirname "$0")/say.sh"

seconds=${1:-60}
shift || true
targets=("$@")
[[ ${#targets[@]} -gt 0 ]] ||
    targets=(jwt jwks token_response configuration json_rpc mcp_headers list_answers task_answers metadata operations)

fuzz=$("$root/harness/setup/cargo-tool.sh" cargo-fuzz 0.13.2)
export RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$root/target/fuzz/build}
cargo_fuzz() { "$fuzz" fuzz "$1" --fuzz-dir "$root/filter/core/fuzz" --sanitizer none "${@:2}"; }

python3 "$root/harness/setup/fuzz-seeds.py" "$root" "$root/target/fuzz/seeds"
say "building the fuzz targets"
quietly fuzz-build.log cargo_fuzz build || fail "the fuzz targets do not build" "see target/setup/fuzz-build.log"

found=0
for target in "${targets[@]}"; do
    corpus=$root/target/fuzz/corpus/$target
    artifacts=$root/target/fuzz/finds/$target
    mkdir -p "$corpus" "$artifacts"
    say "$target: $seconds s"
    if ! cargo_fuzz run "$target" "$corpus" "$root/target/fuzz/seeds/$target" -- \
        -max_total_time="$seconds" -max_len=4096 -timeout=10 -artifact_prefix="$artifacts/" -print_final_stats=1 \
        >"$state/fuzz-$target.log" 2>&1; then
        found=1
        for find in "$artifacts"/{crash,oom,timeout}-*; do
            [[ -f $find ]] || continue
            cargo_fuzz run "$target" "$find" -- -minimize_crash=1 -max_total_time=30 \
                -exact_artifact_path="$find.small" >>"$state/fuzz-$target.log" 2>&1 || true
            [[ -f $find.small ]] || cp "$find" "$find.small"
            say "$target: found; keep it: xxd -p $find.small > filter/core/fuzz/finds/$target-NAME.txt"
        done
        grep -a -m 3 -A 2 'panicked at' "$state/fuzz-$target.log" >&2 || true
    fi
    grep -a -E 'number_of_executed_units|new_units_added' "$state/fuzz-$target.log" >&2 || true
done
[[ $found == 0 ]] || fail "there are finds" "see target/setup/fuzz-*.log"

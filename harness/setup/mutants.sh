#!/usr/bin/env bash
# Changes the code that decides about security in one small way at a time, and reports each change that no test notices.
#
# A changed copy is built and tested below target/mutants; the tree itself is not touched.
# Two passes, for the sake of time: the core's unit tests first, then its other tests and the vectors against whatever those let through.
#
# usage: mutants.sh [FILE-OR-GLOB...]; default are the files named below
set -euo pipefail
# shellcheck source=say.sh
source "$(dirname "$0")/say.sh"

src=filter/core/src
files=("$@")
[[ ${#files[@]} -gt 0 ]] || files=(
    "$src/base64url.rs" "$src/json.rs" "$src/bearer.rs" "$src/profile.rs"
    "$src/jwt.rs" "$src/jwt/*.rs" "$src/jwks.rs" "$src/jwks/*.rs" "$src/keys.rs"
    "$src/delegation.rs" "$src/delegation/*.rs"
    "$src/exchange/*.rs" "$src/routing.rs" "$src/rpc.rs" "$src/mcp.rs" "$src/a2a.rs" "$src/operation.rs"
    "$src/flow/admission.rs" "$src/flow/authorization.rs"
)

program=$("$root/harness/setup/cargo-tool.sh" cargo-mutants 27.1.0)
home=$root/target/mutants
tree=$home/tree
alone mutants
rm -rf "$tree" "$home/mutants.out"
mkdir -p "$tree"
(cd "$root" && git ls-files -z --cached --others --exclude-standard | xargs -0 tar -cf - --no-recursion) | tar -xf - -C "$tree"
# What was built last was a mutant; an old date would let cargo take it for this.
find "$tree" -name '*.rs' -exec touch {} +

export CARGO_TARGET_DIR=$home/build CARGO_PROFILE_DEV_DEBUG=false RUST_BACKTRACE=0
chosen=()
for file in "${files[@]}"; do chosen+=(--file "$file"); done
run() {
    local code=0
    "$program" mutants --in-place --dir "$tree" --output "$home" --package actgate-core --no-shuffle \
        --minimum-test-timeout 120 --colors never --no-times "${chosen[@]}" "$@" || code=$?
    # 2: some were missed. 3: some timed out, which counts as noticed.
    [[ $code == 0 || $code == 2 || $code == 3 ]] || fail "cargo-mutants ended with $code" "read the lines above"
}
say "the core's unit tests"
# What is given to `cargo test` alone would still have every test built; the longest of the unit tests judges signatures only.
run --cargo-arg=--lib -- -- --skip wycheproof
say "the other tests and the vectors, for what those did not notice"
run --iterate --test-package actgate-core,actgate-tests \
    --cargo-arg=--test=config --cargo-arg=--test=properties --cargo-arg=--test=vectors
python3 "$root/harness/setup/mutants-score.py" "$home/mutants.out"

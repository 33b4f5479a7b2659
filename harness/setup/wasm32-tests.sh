#!/usr/bin/env bash
# Runs the tests of the core and every vector inside wasm32, under Node, and sees to it that none is left out.
#
# The issuers of the vectors cannot run there, so a native run records what they answer, and what must come of it.
#
# usage: wasm32-tests.sh [TEST-NAME-PART]
set -euo pipefail
# shellcheck source=say.sh
source "$(dirname "$0")/say.sh"
# shellcheck source=linker.sh
source "$(dirname "$0")/linker.sh"

target=wasm32-unknown-unknown
tests=(-p actgate-core --lib --test config)

# What a calling cargo leaves in the environment is meant for the machine's own target.
unset CARGO RUSTC RUSTC_WRAPPER RUSTC_WORKSPACE_WRAPPER RUSTDOC RUSTFLAGS CARGO_BUILD_TARGET \
    CARGO_MAKEFLAGS MAKEFLAGS MFLAGS LD_LIBRARY_PATH

"$root/harness/setup/node.sh"
toolchain=$("$root/harness/setup/wasm-toolchain.sh" "$target")
# The runner reads what the crate's macro wrote, and the two change together.
version=$(sed -n '/^name = "wasm-bindgen"$/{n;s/^version = "\(.*\)"$/\1/p}' "$root/Cargo.lock")
runner=$("$root/harness/setup/cargo-tool.sh" wasm-bindgen-cli "$version" wasm-bindgen-test-runner)

cd "$root"
cargo=(cargo)
build=(--locked --target "$target" --target-dir "$root/target/wasm32/$toolchain")
environment=("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER=$runner")
if [[ $toolchain == debian ]]; then
    linker=$(find_linker "$(debian_llvm)")
    environment+=(RUSTC_BOOTSTRAP=1 RUSTC=/usr/bin/rustc RUSTDOC=/usr/bin/rustdoc "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=$linker")
    cargo=(/usr/bin/cargo)
    build+=('-Zbuild-std=std,panic_abort')
fi

recorded=$root/target/wasm32/vectors.json
mkdir -p "$root/target/wasm32"
quietly wasm32-record.log env ACTGATE_RECORD="$recorded" cargo test --locked -p actgate-tests --test vectors every_vector ||
    fail "the vectors do not hold natively" "run: cargo test -p actgate-tests --test vectors"
# Counted apart from those who record and replay them, so that none can go missing between the two.
vectors=$(cat "$root"/tests/vectors/*.json | grep -o '"attack" *:' | wc -l)
environment+=("ACTGATE_RECORDED=$recorded" "ACTGATE_VECTORS=$vectors")

log=$state/wasm32-tests.log
env "${environment[@]}" "${cargo[@]}" test "${build[@]}" "${tests[@]}" -- "$@" </dev/null | tee "$log" ||
    fail "a test fails inside wasm32" "read the lines above; 'make test-wasm32' runs these tests alone"
env "${environment[@]}" "${cargo[@]}" test "${build[@]}" -p actgate-wasm32-tests --test vectors -- "$@" </dev/null |
    tee "$state/wasm32-vectors.log" || fail "a vector fails inside wasm32" "read the lines above"
[[ $# == 0 ]] || exit 0

# The names come from both runs, so that a crate root without the attribute cannot go unnoticed.
here=$(cargo test --locked "${tests[@]}" -- --list 2>/dev/null </dev/null | grep -c ': test$') ||
    fail "the tests of the core cannot be listed" "run: cargo test --locked ${tests[*]} -- --list"
there=$(sed -n 's/^test result: ok\. \([0-9]*\) passed.*$/\1/p' "$log" | awk '{sum += $1} END {print sum + 0}')
[[ $here == "$there" ]] || fail "of $here tests of the core, $there ran inside wasm32" \
    "see tests/wasm32/lib.rs for the line that a crate root needs"
grep -q '^test result: ok. [1-9]' "$state/wasm32-vectors.log" ||
    fail "the vectors did not run inside wasm32" "see target/setup/wasm32-vectors.log"
say "$there tests and all $vectors vectors passed inside wasm32, under Node $(node --version), built by the $toolchain toolchain"

#!/usr/bin/env bash
# Builds a proxy-wasm module, by default the filter itself at target/actgate.wasm.
#
# cargo decides whether there is anything to do; the output is replaced only when it differs.
#
# usage: wasm.sh [-p PACKAGE] [-m MANIFEST] [-o OUTPUT] [-l] [-- CARGO-ARGUMENT...]
#   -p  the package with the cdylib; default actgate-filter
#   -m  the Cargo.toml of another workspace
#   -o  where the module goes; default target/actgate.wasm
#   -l  lint for the wasm target instead of building; Debian's compiler has no clippy, so there it is skipped and said so
set -euo pipefail
# shellcheck source=say.sh
source "$(dirname "$0")/say.sh"
# shellcheck source=linker.sh
source "$(dirname "$0")/linker.sh"

target=wasm32-wasip1
package=actgate-filter
manifest=$root/Cargo.toml
output=$root/target/actgate.wasm
lint=
while getopts p:m:o:l option; do
    case $option in
    p) package=$OPTARG ;;
    m) manifest=$OPTARG ;;
    o) output=$OPTARG ;;
    l) lint=1 ;;
    *) fail "unknown option" "read the usage at the top of harness/setup/wasm.sh" ;;
    esac
done
shift $((OPTIND - 1))

# A calling `cargo test` leaves its own compiler's settings and libraries in the environment.
unset CARGO RUSTC RUSTC_WRAPPER RUSTC_WORKSPACE_WRAPPER RUSTDOC RUSTFLAGS CARGO_BUILD_TARGET CARGO_TARGET_DIR \
    CARGO_MAKEFLAGS MAKEFLAGS MFLAGS LD_LIBRARY_PATH

toolchain=$("$root/harness/setup/wasm-toolchain.sh")
if [[ $lint && $toolchain == debian ]]; then
    say "$package is not linted for $target: Debian's compiler has no clippy"
    exit 0
fi
# The module carries no path of the machine that built it.
flags=("--remap-path-prefix=$root=actgate" "--remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=cargo")
cargo=(cargo)
build=(--locked --target "$target" --target-dir "$root/target/wasm/$toolchain" --manifest-path "$manifest" -p "$package")
if [[ $toolchain == debian ]]; then
    unset RUSTUP_TOOLCHAIN
    linker=$(find_linker "$(debian_llvm)")
    flags+=("-Clinker=$linker" "-Clink-self-contained=no" "-L/usr/lib/wasm32-wasi" "--remap-path-prefix=/usr/src=rust")
    # -Zbuild-std is for nightly compilers; Debian has no prebuilt standard library for the target.
    export RUSTC_BOOTSTRAP=1 RUSTC=/usr/bin/rustc RUSTDOC=/usr/bin/rustdoc
    cargo=(/usr/bin/cargo)
    build+=('-Zbuild-std=std,panic_abort')
fi
[[ ! $lint ]] || exec cargo clippy "${build[@]}" "$@" -- -D warnings
CARGO_ENCODED_RUSTFLAGS=$(printf '%s\x1f' "${flags[@]}")
export CARGO_ENCODED_RUSTFLAGS=${CARGO_ENCODED_RUSTFLAGS%$'\x1f'}

artifacts=$("${cargo[@]}" build --release "${build[@]}" --message-format json-render-diagnostics "$@" </dev/null) ||
    fail "$package does not build for $target with the $toolchain toolchain" "read the compiler's messages above"
module=$(python3 -c '
import json, sys
for message in map(json.loads, sys.stdin):
    if message["reason"] == "compiler-artifact" and "cdylib" in message["target"]["crate_types"]:
        module = next((name for name in message["filenames"] if name.endswith(".wasm")), "")
print(module)' <<<"$artifacts") || fail "$package has no cdylib" "add [lib] crate-type = [\"cdylib\"] to its Cargo.toml"

cmp -s "$module" "$output" && exit 0
mkdir -p "$(dirname "$output")"
cp "$module" "$output.$$"
mv "$output.$$" "$output"
say "$output is new: $(stat -c %s "$output") bytes"

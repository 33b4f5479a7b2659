#!/usr/bin/env bash
# Makes sure that a compiler for a wasm target is installed, and prints which: "rustup" or "debian".
#
# rustup's standard library for the target is taken where it is installed or can be fetched.
# Elsewhere Debian's own compiler is installed with the source of its standard library, which the build then compiles.
# That rustup could not fetch is remembered until `make clean` or another rustc.
# ACTGATE_WASM_TOOLCHAIN=rustup or =debian decides by hand.
#
# usage: wasm-toolchain.sh [TARGET]; default wasm32-wasip1
set -euo pipefail
# shellcheck source=say.sh
source "$(dirname "$0")/say.sh"

target=${1:-wasm32-wasip1}
unreachable=$state/rustup-unreachable
wanted=${ACTGATE_WASM_TOOLCHAIN:-}

has_rustup_target() { [[ -d $(rustc --print target-libdir --target "$target" 2>/dev/null) ]]; }

rustup_failed_before() { [[ -f $unreachable ]] && cmp -s "$unreachable" <(rustc -vV); }

add_rustup_target() {
    command -v rustup >/dev/null || return 1
    # An unreachable server makes rustup try again for minutes.
    quietly rustup-target.log timeout 60 rustup target add "$target" && has_rustup_target
}

use_rustup() {
    has_rustup_target && return
    [[ $wanted != rustup ]] && rustup_failed_before && return 1
    alone rustup
    say "asking rustup for the $target standard library"
    add_rustup_target 2>/dev/null && return
    rustc -vV >"$unreachable"
    say "rustup cannot provide $target here; using Debian's compiler"
    return 1
}

install_debian() {
    local packages=(rustc-web cargo-web rust-web-src)
    [[ $target != *-wasi* ]] || packages+=(wasi-libc)
    "$root/harness/setup/debian.sh" "${packages[@]}"
    local have want
    have=$(/usr/bin/rustc --version | cut -d ' ' -f 2)
    want=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' "$root/Cargo.toml")
    [[ $(printf '%s\n' "$want" "$have" | sort -V | head -n 1) == "$want" ]] ||
        fail "Debian's rustc-web is $have and the project needs $want" \
            "enable Debian's security archive, which has a newer one, and run 'apt-get update && apt-get install rustc-web cargo-web rust-web-src'"
}

case $wanted in
'' | rustup | debian) ;;
*) fail "ACTGATE_WASM_TOOLCHAIN is '$wanted'" "set it to rustup or debian, or leave it unset" ;;
esac

"$root/harness/setup/native.sh"
if [[ $wanted != debian ]] && use_rustup; then
    echo rustup
elif [[ $wanted == rustup ]]; then
    fail "rustup could not add $target" "see target/setup/rustup-target.log, or unset ACTGATE_WASM_TOOLCHAIN to use Debian's compiler"
else
    install_debian
    echo debian
fi

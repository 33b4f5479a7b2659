# shellcheck shell=bash
# Sourced by the scripts that build with Debian's compiler.

# find_linker LLVM: prints a linker that can read what a compiler with that version of LLVM wrote.
# Debian's lld is too old for that, rustup's own is not.
find_linker() {
    local llvm=$1 linker major
    for linker in "$(rustc --print sysroot)"/lib/rustlib/*/bin/rust-lld \
        "${RUSTUP_HOME:-$HOME/.rustup}"/toolchains/*/lib/rustlib/*/bin/rust-lld; do
        [[ -x $linker ]] || continue
        major=$("$linker" -flavor wasm --version | sed -n 's/^.*LLD \([0-9]*\)\..*$/\1/p')
        [[ $major -ge $llvm ]] && echo "$linker" && return
    done
    fail "no rust-lld of LLVM $llvm or newer was found for Debian's compiler" \
        "update the Rust toolchain: rustup update stable"
}

# debian_llvm: the version of LLVM in Debian's compiler.
debian_llvm() { /usr/bin/rustc -vV | sed -n 's/^LLVM version: \([0-9]*\)\..*$/\1/p'; }

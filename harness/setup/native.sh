#!/usr/bin/env bash
# Makes sure that the native parts of the workspace can be built: a Rust toolchain, a C compiler and linker, Python 3.
set -euo pipefail
# shellcheck source=say.sh
source "$(dirname "$0")/say.sh"

command -v cargo >/dev/null ||
    fail "there is no cargo" "install Rust by rustup, at least the version that Cargo.toml names as rust-version"

packages=()
command -v cc >/dev/null || packages+=(gcc libc6-dev)
command -v python3 >/dev/null || packages+=(python3)
python3 -c 'import ensurepip, venv' 2>/dev/null || packages+=(python3-venv)
[[ ${#packages[@]} == 0 ]] || "$root/harness/setup/debian.sh" "${packages[@]}"

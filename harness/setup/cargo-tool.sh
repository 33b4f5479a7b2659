#!/usr/bin/env bash
# Installs one program of one version of a crate from crates.io into target/tools, and prints the path of its program.
#
# The versions of its dependencies are those its author locked, or newer ones where a registry has them no more.
#
# usage: cargo-tool.sh CRATE VERSION [PROGRAM]; a program is called like its crate unless named
set -euo pipefail
# shellcheck source=say.sh
source "$(dirname "$0")/say.sh"

crate=$1
version=$2
name=${3:-$crate}
program=$root/target/tools/$crate-$version/bin/$name
if [[ ! -x $program ]]; then
    "$root/harness/setup/native.sh"
    alone "$crate"
    say "building $crate $version from crates.io; this takes some minutes"
    install() {
        quietly "$crate.log" cargo install "$@" --root "$root/target/tools/$crate-$version" \
            --target-dir "$root/target/tools/build" --bin "$name" "$crate@$version"
    }
    install --locked 2>/dev/null || install ||
        fail "$crate $version does not build" "see target/setup/$crate.log"
fi
echo "$program"

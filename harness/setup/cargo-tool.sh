#!/usr/bin/env bash
# Installs one version of a cargo subcommand from crates.io into target/tools, and prints the path of its program.
#
# usage: cargo-tool.sh CRATE VERSION
set -euo pipefail
# shellcheck source=say.sh
source "$(dirname "$0")/say.sh"

crate=$1
version=$2
program=$root/target/tools/$crate-$version/bin/$crate
if [[ ! -x $program ]]; then
    "$root/harness/setup/native.sh"
    alone "$crate"
    say "building $crate $version from crates.io; this takes some minutes"
    quietly "$crate.log" cargo install --locked --root "$root/target/tools/$crate-$version" \
        --target-dir "$root/target/tools/build" "$crate@$version" ||
        fail "$crate $version does not build" "see target/setup/$crate.log"
fi
echo "$program"

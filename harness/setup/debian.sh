#!/usr/bin/env bash
# Installs the named Debian packages that are missing; does nothing when all of them are there.
#
# usage: debian.sh PACKAGE...
set -euo pipefail
# shellcheck source=say.sh
source "$(dirname "$0")/say.sh"

missing=()
for package in "$@"; do
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || missing+=("$package")
done
[[ ${#missing[@]} -gt 0 ]] || exit 0

command -v apt-get >/dev/null ||
    fail "this is not a Debian system, and ${missing[*]} cannot be installed by this script" \
        "install what these packages contain in the way of your own system"
[[ $(id -u) == 0 ]] || fail "${missing[*]} must be installed by root" "run: sudo apt-get install ${missing[*]}"

alone apt
say "installing Debian packages: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
quietly apt-update.log apt-get update -q ||
    fail "the list of Debian packages could not be fetched" "check the network and /etc/apt/sources.list, then run this again"
quietly apt-install.log apt-get install -q -y --no-install-recommends "${missing[@]}" ||
    fail "apt-get could not install ${missing[*]}" "read the lines above; run 'apt-get install ${missing[*]}' by hand to see the rest"

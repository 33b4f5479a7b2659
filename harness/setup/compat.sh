#!/usr/bin/env bash
# Runs the tests on real Envoys against every version that is pinned beside this script, and says how each fared.
#
# usage: compat.sh [VERSION...]
set -euo pipefail
# shellcheck source=say.sh
source "$(dirname "$0")/say.sh"

versions=("$@")
[[ ${#versions[@]} -gt 0 ]] || mapfile -t versions < <(cd "$root/harness/setup/envoy" && ls | sed 's/\.txt$//' | sort -V)
cd "$root"
failed=()
for version in "${versions[@]}"; do
    "$root/harness/setup/envoy.sh" "$version"
    envoy=$root/target/envoy/$version/envoy
    say "Envoy $version; log: target/setup/compat-$version.log"
    skip=()
    # What joins several MCP servers behind one endpoint is younger than some of them.
    if ! grep -aq envoy.extensions.filters.http.mcp_router.v3.McpRouter "$envoy"; then
        skip=(-- --skip router::)
        say "Envoy $version has no mcp_router: its tests are left out"
    fi
    ACTGATE_ENVOY=$envoy \
        cargo test --locked --no-fail-fast -p actgate-tests --test envoy --test differential "${skip[@]}" \
        >"$state/compat-$version.log" 2>&1 </dev/null || failed+=("$version")
    grep -E '^test result|^test .* FAILED$' "$state/compat-$version.log" >&2 || tail -n 20 "$state/compat-$version.log" >&2
done
[[ ${#failed[@]} == 0 ]] || fail "not as on the others: ${failed[*]}" "see target/setup/compat-VERSION.log"

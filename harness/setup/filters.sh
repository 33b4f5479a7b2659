#!/usr/bin/env bash
# Builds the filters that the harness is shown with: target/filters/NAME.wasm.
set -euo pipefail
# shellcheck source=say.sh
source "$(dirname "$0")/say.sh"

for file in "$root"/tests/filters/*.rs; do
    name=$(basename "$file" .rs)
    [[ $name == lib ]] ||
        "$root/harness/setup/wasm.sh" -p example-filters -o "$root/target/filters/$name.wasm" -- --example "$name"
done

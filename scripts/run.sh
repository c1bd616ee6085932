#!/usr/bin/env bash
# Installs what is missing, builds what changed, and serves. Arguments go to `frontrow serve --demo`.
set -euo pipefail
# shellcheck source=scripts/env.sh
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"
cd "$FRONTROW_ROOT"

installing scripts/build.sh
# Where the style, the scripts and the images are.
export LEPTOS_SITE_ROOT="$FRONTROW_ROOT/target/site"
exec target/release/frontrow serve --demo "$@"

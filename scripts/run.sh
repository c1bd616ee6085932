#!/usr/bin/env bash
# Installs what is missing, builds what has changed, and serves. Arguments go to
# `frontrow serve --demo`.
set -euo pipefail
# shellcheck source=scripts/env.sh
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"
cd "$FRONTROW_ROOT"

installing scripts/build.sh
# Location of the styles, the scripts and the images.
export LEPTOS_SITE_ROOT="$FRONTROW_ROOT/target/site"
exec target/release/frontrow serve --demo "$@"

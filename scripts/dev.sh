#!/usr/bin/env bash
# Serves the demo from a debug build; rebuilds and reloads the page whenever a file changes.
# Arguments go to `frontrow serve --demo`.
set -euo pipefail
# shellcheck source=scripts/env.sh
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"
cd "$FRONTROW_ROOT"

installing scripts/setup.sh dev
# The debug build also writes into target/site, so the next `make run` has to rebuild it.
rm -f target/release-built-from
exec cargo leptos watch -- serve --demo "$@"

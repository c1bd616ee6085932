#!/usr/bin/env bash
# Builds the release and has Lighthouse look at home, a concert and a queue as on a phone. Fails below 95 in any category.
#   ROUNDS=5     of so many rounds the middle one counts (default 3)
set -euo pipefail
# shellcheck source=scripts/env.sh
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"
cd "$FRONTROW_ROOT"

installing scripts/build.sh
installing scripts/setup.sh test
cd end2end
exec node lighthouse.mjs

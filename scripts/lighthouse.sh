#!/usr/bin/env bash
# Builds the release and runs Lighthouse on home, a concert and a queue, as on a phone. Fails below
# 95 in any category.
#
#   ROUNDS=5     number of rounds, of which the median counts (default 3)
set -euo pipefail
# shellcheck source=scripts/env.sh
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"
cd "$FRONTROW_ROOT"

installing scripts/build.sh
installing scripts/setup.sh test
cd end2end
exec node lighthouse.mjs

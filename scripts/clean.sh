#!/usr/bin/env bash
# Removes build output and what tests left behind. Keeps the tools that scripts/setup.sh installed.
set -euo pipefail
# shellcheck source=scripts/env.sh
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"
cd "$FRONTROW_ROOT"

rm -rf target end2end/node_modules end2end/.artifacts end2end/test-results end2end/playwright-report end2end/blob-report

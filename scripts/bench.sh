#!/usr/bin/env bash
# Builds the release and measures it against the baseline; writes docs/benchmarks.md. Arguments go
# to `benchmarks`.
set -euo pipefail
# shellcheck source=scripts/env.sh
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"
cd "$FRONTROW_ROOT"

installing scripts/build.sh
# With the features of the release, so that nothing is compiled twice.
cargo build --quiet --release -p benchmarks
exec "${CARGO_TARGET_DIR:-target}/release/benchmarks" "$@"

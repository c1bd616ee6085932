#!/usr/bin/env bash
# Builds the servers with their fail points, and breaks them and their stores at random. Arguments
# go to `chaos`.
set -euo pipefail
# shellcheck source=scripts/env.sh
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"
cd "$FRONTROW_ROOT"

# One call, with the same packages and features as in scripts/test.sh: what either has built, the
# other need not build again.
cargo build --quiet -p model -p services -p embedded -p app -p server -p bench -p benchmarks -p chaos --features app/ssr,server/failpoints
target="${CARGO_TARGET_DIR:-target}"
exec "$target/debug/chaos" --frontrow "$target/debug/frontrow" --logs "$target/chaos" "$@"

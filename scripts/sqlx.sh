#!/usr/bin/env bash
# Checks the queries in the code against the schema that the migrations create.
#
#   sqlx.sh prepare   writes what the compiler has to know about each query to .sqlx/
#   sqlx.sh check     fails if .sqlx/ is not what `prepare` would write
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/env.sh
. scripts/env.sh

# Runs inside with-stores, which has started an empty database.
describe() {
  local folder=$1 migration
  export DATABASE_URL="$FRONTROW_TEST_DATABASE_URL"
  for migration in services/migrations/*.sql; do
    psql --quiet --no-psqlrc --set ON_ERROR_STOP=1 --file "$migration" "$DATABASE_URL"
  done
  mkdir -p "$folder"
  # The macros write their files during compilation, so the crate must be compiled again.
  touch services/src/lib.rs
  SQLX_OFFLINE=false SQLX_OFFLINE_DIR="$folder" cargo check --quiet --package services
}

case "${1:-}" in
  describe) describe "$2" ;;
  prepare)
    rm -rf .sqlx
    cargo run --quiet --package embedded --bin with-stores -- "$0" describe "$PWD/.sqlx"
    ;;
  check)
    fresh=$(mktemp -d)
    trap 'rm -rf "$fresh"' EXIT
    cargo run --quiet --package embedded --bin with-stores -- "$0" describe "$fresh"
    if ! diff --recursive --brief .sqlx "$fresh"; then
      echo "The queries have changed: run scripts/sqlx.sh prepare and commit .sqlx" >&2
      exit 1
    fi
    ;;
  *)
    echo "usage: scripts/sqlx.sh prepare | check" >&2
    exit 2
    ;;
esac

#!/usr/bin/env bash
# Runs every check and every test, in sections. A section that fails does not keep the others from
# running; the summary at the end names it, and the exit status is 1.
set -euo pipefail
# shellcheck source=scripts/env.sh
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"
cd "$FRONTROW_ROOT"

# Never the whole workspace with all features: that mixes the server's `ssr` with the browser's
# `hydrate`. With the fail points, so that the chaos run uses the very binary that was tested, and
# nothing is compiled twice.
# shellcheck disable=SC2054 # the comma is between features
server_side=(-p model -p services -p embedded -p app -p server -p bench -p benchmarks -p chaos --features app/ssr,server/failpoints)

summary=''
failures=0

# section TITLE COMMAND...: runs the command under a headline and measures its time.
section() {
    local title="$1" start="$SECONDS" result=ok
    shift
    printf '\n=== %s\n' "$title"
    "$@" || result=FAILED
    if [ "$result" = FAILED ]; then
        failures=$((failures + 1))
    fi
    note "$title" "$result" "$((SECONDS - start))"
    [ "$result" = ok ]
}

# note TITLE RESULT SECONDS
note() {
    local line
    line="$(printf '%-7s %3d:%02d  %s' "$2" "$(($3 / 60))" "$(($3 % 60))" "$1")"
    summary="$summary$line"$'\n'
    printf -- '--- %s\n' "$line"
}

lint_server() {
    cargo clippy --quiet "${server_side[@]}" -p site --all-targets -- -D warnings
}

lint_browser() {
    cargo clippy --quiet -p frontend --target wasm32-unknown-unknown -- -D warnings
}

# Checks that .sqlx describes each query as the migrations define it.
check_queries() {
    scripts/sqlx.sh check
}

# Checks dependencies: licences, duplicates and sources by deny.toml, and known vulnerabilities by
# the database of RustSec, which has to be fetched.
check_dependencies() {
    cargo deny --locked check --hide-inclusion-graph licenses bans sources || return 1
    if timeout 60 cargo deny fetch db; then
        cargo deny --locked check --disable-fetch advisories
    else
        echo 'skipped: known holes in dependencies; the database of RustSec cannot be fetched from here'
    fi
}

# with-stores starts PostgreSQL and Redis for the tests and stops them afterwards.
test_server() {
    cargo run --quiet -p embedded --bin with-stores -- \
        cargo nextest run "${server_side[@]}"
}

# The same programs, so nothing is compiled again; tests that start stores of their own do not
# depend on a cluster and are left out.
test_cluster() {
    cargo run --quiet -p embedded --bin with-stores -- --cluster \
        cargo nextest run "${server_side[@]}" -E 'package(services) + (package(server) & binary(sessions))'
}

# A few seeds; `make chaos SEEDS=200` runs many.
break_things() {
    scripts/chaos.sh --seeds 6 --jobs 2
}

# Playwright's configuration starts and stops the server under test.
test_browser() {
    (cd end2end && npx playwright test)
}

# Every process that this run starts inherits the mark, which identifies those that are left at the
# end.
export FRONTROW_TEST_RUN="$$-$RANDOM"

leftover_processes() {
    local environment id
    for environment in /proc/[0-9]*/environ; do
        id="${environment#/proc/}"
        id="${id%/environ}"
        if [ "$id" != "$$" ] && grep -qszxF "FRONTROW_TEST_RUN=$FRONTROW_TEST_RUN" "$environment"; then
            echo "$id"
        fi
    done
}

# Gives stopping processes a few seconds, then names and stops those that are left.
nothing_is_left_running() {
    local id status=0
    for _ in 1 2 3 4 5; do
        [ -n "$(leftover_processes)" ] || return 0
        sleep 1
    done
    for id in $(leftover_processes); do
        printf 'still running: %s %s\n' "$id" "$(tr '\0' ' ' <"/proc/$id/cmdline")"
        kill "$id" 2>/dev/null || true
        status=1
    done
    return "$status"
}

# An interrupted run cleans up as well.
trap 'nothing_is_left_running >/dev/null 2>&1 || true' EXIT

section "Set-up" installing scripts/setup.sh test
section "Scripts" scripts/tests/fresh_machine.sh || true
section "Format" cargo fmt --all --check || true
section "Lints, server" lint_server || true
section "Lints, browser" lint_browser || true
section "Queries" check_queries || true
if command -v cargo-deny >/dev/null; then
    section "Dependencies" check_dependencies || true
else
    echo 'skipped: cargo-deny is not here; install it (cargo install cargo-deny --locked) to have dependencies checked'
    note "Dependencies" skipped 0
fi
section "Tests, server" test_server || true
section "Tests, Redis Cluster" test_cluster || true
section "Chaos" break_things || true
if section "Release build" scripts/build.sh; then
    section "Tests, browser" test_browser || true
else
    note "Tests, browser" skipped 0
fi
section "Nothing left running" nothing_is_left_running || true

printf '\n=== Summary, %d:%02d in all\n%s' "$((SECONDS / 60))" "$((SECONDS % 60))" "$summary"
[ "$failures" -eq 0 ]

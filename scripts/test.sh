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

wanted=" $* "
readonly names=' scripts shell format lint-server lint-browser types queries links dependencies server cluster chaos release browser '

for name in "$@"; do
    if [[ $names != *" $name "* ]]; then
        echo "There is no section $name. There are:$names" >&2
        exit 2
    fi
done

# is_wanted NAME: no names mean all of them.
is_wanted() {
    [[ $wanted == '  ' || $wanted == *" $1 "* ]]
}

# section NAME TITLE COMMAND...: runs the command under a headline and measures its time. One that is
# not wanted passes.
section() {
    local name="$1" title="$2" start="$SECONDS" result=ok
    shift 2
    if [ "$name" != always ] && ! is_wanted "$name"; then return 0; fi
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

check_shell() {
    shellcheck -x scripts/*.sh scripts/setup/*.sh scripts/tests/*.sh .ci/run
}

check_types() {
    (cd end2end && npx tsc --noEmit)
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

section always "Set-up" installing scripts/setup.sh test
section scripts "Scripts" scripts/tests/fresh_machine.sh || true
if command -v shellcheck >/dev/null; then
    section shell "Shell" check_shell || true
elif is_wanted shell; then
    echo 'skipped: shellcheck is not installed'
    note "Shell" skipped 0
fi
section format "Format" cargo fmt --all --check || true
section lint-server "Lints, server" lint_server || true
section lint-browser "Lints, browser" lint_browser || true
section types "Types of the browser tests" check_types || true
section queries "Queries" check_queries || true
section links "Links" node scripts/checks/links.mjs || true
if command -v cargo-deny >/dev/null; then
    section dependencies "Dependencies" check_dependencies || true
elif is_wanted dependencies; then
    echo 'skipped: cargo-deny is not here; install it (cargo install cargo-deny --locked) to have dependencies checked'
    note "Dependencies" skipped 0
fi
section server "Tests, server" test_server || true
section cluster "Tests, Redis Cluster" test_cluster || true
section chaos "Chaos" break_things || true
if is_wanted release || is_wanted browser; then
    if section always "Release build" scripts/build.sh; then
        section browser "Tests, browser" test_browser || true
    else
        note "Tests, browser" skipped 0
    fi
fi
section always "Nothing left running" nothing_is_left_running || true

printf '\n=== Summary, %d:%02d in all\n%s' "$((SECONDS / 60))" "$((SECONDS % 60))" "$summary"
[ "$failures" -eq 0 ]

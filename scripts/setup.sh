#!/usr/bin/env bash
# Installs what is missing to build, run and test Frontrow. Idempotent: leaves alone what is already
# installed.
#
#   scripts/setup.sh build   Rust, the npm packages that build the site, PostgreSQL, Redis
#   scripts/setup.sh test    the same, and cargo-nextest, cargo-deny where it is available prebuilt,
#                            a browser, fonts, the npm packages of the browser tests
#   scripts/setup.sh dev     what `build` installs, and cargo-leptos and wasm-bindgen, which take
#                            long to compile
#   scripts/setup.sh [all]   all of these
#
# Works with full internet access, and with only the package registries of Debian, Rust and npm.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
# shellcheck source=scripts/env.sh
. "$here/env.sh"
# shellcheck source=scripts/setup/say.sh
. "$here/setup/say.sh"
# shellcheck source=scripts/setup/apt.sh
. "$here/setup/apt.sh"
# shellcheck source=scripts/setup/system.sh
. "$here/setup/system.sh"
# shellcheck source=scripts/setup/rust.sh
. "$here/setup/rust.sh"
# shellcheck source=scripts/setup/cargo_tools.sh
. "$here/setup/cargo_tools.sh"
# shellcheck source=scripts/setup/npm.sh
. "$here/setup/npm.sh"

set_up_build() {
    set_up_rust
    set_up_site
}

set_up_dev() {
    set_up_wasm_bindgen
    set_up_cargo_leptos
}

set_up_test() {
    set_up_nextest
    set_up_deny
    set_up_browser_tests
}

cd "$FRONTROW_ROOT"
case "${1:-all}" in
    build)
        set_up_system_for_build
        set_up_build
        ;;
    dev)
        set_up_system_for_build
        set_up_build
        set_up_dev
        ;;
    test)
        set_up_system_for_test
        set_up_build
        set_up_test
        ;;
    all)
        set_up_system_for_test
        set_up_build
        set_up_dev
        set_up_test
        ;;
    *) fail "usage: scripts/setup.sh [all|build|dev|test]" ;;
esac

# shellcheck shell=bash
# Sourced by every other script: where the checkout is, and where its tools are.
#
#   FRONTROW_ROOT       the checkout
#   FRONTROW_TOOLS      folders that scripts/setup.sh builds tools in
#   FRONTROW_CHROMIUM   the browser for the tests; empty when the system has none, and Playwright then uses its own

FRONTROW_ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
FRONTROW_TOOLS="${XDG_CACHE_HOME:-$HOME/.cache}/frontrow/tools"
FRONTROW_CHROMIUM="${FRONTROW_CHROMIUM:-$(command -v chromium || true)}"
export FRONTROW_ROOT FRONTROW_TOOLS FRONTROW_CHROMIUM

# Puts folders at the head of PATH, the last one first, and once each. They need not exist yet: set-up may make them later.
prefer() {
    local folder
    for folder in "$@"; do
        PATH=":$PATH:"
        PATH="${PATH//:"$folder":/:}"
        PATH="${PATH#:}"
        PATH="$folder:${PATH%:}"
    done
}

# installing COMMAND...: runs a script that may install tools, and finds them afterwards. A child process cannot change the
# PATH of its parent, so PATH is put together anew.
installing() {
    "$@" || return
    # shellcheck source=scripts/env.sh
    . "$FRONTROW_ROOT/scripts/env.sh"
    hash -r
}

# PostgreSQL's programs are not on PATH on Debian, nor with Homebrew. The newest version comes last, so it wins.
if ! command -v postgres >/dev/null || ! command -v initdb >/dev/null; then
    for folder in {/usr/local,/opt/homebrew}/opt/postgresql@*/bin /usr/lib/postgresql/*/bin; do
        if [ -d "$folder" ]; then prefer "$folder"; fi
    done
    unset folder
fi
prefer {/usr/local,/opt/homebrew}/opt/rustup/bin "${CARGO_HOME:-$HOME/.cargo}/bin"
# Ours has to win over the system's wasm-opt: what Debian's 108 makes dies as the page loads.
prefer "$FRONTROW_ROOT/site/node_modules/.bin"
export PATH

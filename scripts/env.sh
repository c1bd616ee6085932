# shellcheck shell=bash
# Sourced by every other script: the location of the checkout and of its tools.
#
#   FRONTROW_ROOT       the checkout
#   FRONTROW_TOOLS      folders in which scripts/setup.sh builds tools
#   FRONTROW_CHROMIUM   the browser for the tests; empty if the system has none, in which case
#                       Playwright uses its own

FRONTROW_ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
FRONTROW_TOOLS="${XDG_CACHE_HOME:-$HOME/.cache}/frontrow/tools"
FRONTROW_CHROMIUM="${FRONTROW_CHROMIUM:-$(command -v chromium || true)}"
export FRONTROW_ROOT FRONTROW_TOOLS FRONTROW_CHROMIUM

# Puts folders at the head of PATH, the last one first, each once. They need not exist yet: set-up
# may create them later.
prefer() {
    local folder
    for folder in "$@"; do
        PATH=":$PATH:"
        PATH="${PATH//:"$folder":/:}"
        PATH="${PATH#:}"
        PATH="$folder:${PATH%:}"
    done
}

# installing COMMAND...: runs a script that may install tools, and finds them afterwards. A child
# process cannot change the PATH of its parent, so PATH is assembled again.
installing() {
    "$@" || return
    # shellcheck source=scripts/env.sh
    . "$FRONTROW_ROOT/scripts/env.sh"
    hash -r
}

# PostgreSQL's programs are not on PATH on Debian or with Homebrew. The newest version comes last,
# so it takes precedence.
if ! command -v postgres >/dev/null || ! command -v initdb >/dev/null; then
    for folder in {/usr/local,/opt/homebrew}/opt/postgresql@*/bin /usr/lib/postgresql/*/bin; do
        if [ -d "$folder" ]; then prefer "$folder"; fi
    done
    unset folder
fi
prefer {/usr/local,/opt/homebrew}/opt/rustup/bin "${CARGO_HOME:-$HOME/.cargo}/bin"
# The wasm-opt of site/ must take precedence over the system's: the output of Debian's version 108
# crashes when the page loads.
prefer "$FRONTROW_ROOT/site/node_modules/.bin"
export PATH

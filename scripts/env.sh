# shellcheck shell=bash
# Sourced by every other script: where the checkout is, and where its tools are.
#
#   FRONTROW_ROOT       the checkout
#   FRONTROW_TOOLS      what scripts/setup.sh installs for Frontrow alone: npm's wasm-opt, build folders
#   FRONTROW_CHROMIUM   the browser for the tests; empty when the system has none, and Playwright then uses its own

FRONTROW_ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
FRONTROW_TOOLS="${XDG_CACHE_HOME:-$HOME/.cache}/frontrow/tools"
FRONTROW_CHROMIUM="${FRONTROW_CHROMIUM:-$(command -v chromium || true)}"
export FRONTROW_ROOT FRONTROW_TOOLS FRONTROW_CHROMIUM

# Puts folders at the head of PATH, the last one first. Those that do not exist are left out.
prefer() {
    local folder
    for folder in "$@"; do
        case "$PATH" in
            "$folder":*) ;;
            *) if [ -d "$folder" ]; then PATH="$folder:$PATH"; fi ;;
        esac
    done
}

# PostgreSQL's programs are not on PATH on Debian, nor with Homebrew. The newest version comes last, so it wins.
if ! command -v postgres >/dev/null || ! command -v initdb >/dev/null; then
    prefer {/usr/local,/opt/homebrew}/opt/postgresql@*/bin /usr/lib/postgresql/*/bin
fi
prefer {/usr/local,/opt/homebrew}/opt/rustup/bin "${CARGO_HOME:-$HOME/.cargo}/bin"
# Ours has to win over the system's wasm-opt: what Debian's 108 makes dies as the page loads.
prefer "$FRONTROW_TOOLS/wasm-opt/node_modules/.bin"
export PATH

# shellcheck shell=bash
# npm packages: those that pack the site for a release, and Playwright for the browser tests.

# npm_packages FOLDER WHAT: installs what the folder's lock file lists, unless it is installed.
npm_packages() {
    local folder="$FRONTROW_ROOT/$1" what="$2"
    # npm writes this file last. If it is older than the lock file, what is installed differs from
    # what the lock file lists.
    if [ ! "$folder/node_modules/.package-lock.json" -nt "$folder/package-lock.json" ]; then
        node_is_new_enough
        say "Fetching $what from npm (a few seconds)"
        (cd "$folder" && npm ci --silent --no-audit --no-fund) || fail "npm ci failed in $1/"
        touch "$folder/node_modules/.package-lock.json"
    fi
}

set_up_site() {
    npm_packages site "wasm-opt, esbuild and Lightning CSS"
}

node_is_new_enough() {
    local found
    found="$(node --version)"
    version_at_least 18 "${found#v}" || fail "Node.js is $found here: 18 or newer is needed"
}

set_up_browser_tests() {
    npm_packages end2end "the browser tests' packages"
    if [ -z "$FRONTROW_CHROMIUM" ]; then
        playwright_browser "$FRONTROW_ROOT/end2end"
    fi
}

playwright_browser() {
    local browser
    browser="$(cd "$1" && node -p "require('@playwright/test').chromium.executablePath()")"
    if [ ! -x "$browser" ]; then
        say "Fetching Playwright's Chromium (a minute)"
        (cd "$1" && npx playwright install chromium) ||
            fail "no browser for the tests: install chromium, or name one in FRONTROW_CHROMIUM"
    fi
}

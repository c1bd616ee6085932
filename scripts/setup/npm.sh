# shellcheck shell=bash
# What comes from npm: wasm-opt for the release build, Playwright for the browser tests.

binaryen_version=132.0.0

set_up_wasm_opt() {
    local folder="$FRONTROW_TOOLS/wasm-opt"
    if grep -qs "\"version\": \"$binaryen_version\"" "$folder/node_modules/binaryen/package.json"; then
        return
    fi
    node_is_new_enough
    say "Fetching wasm-opt, from npm's binaryen $binaryen_version (a few seconds)"
    mkdir -p "$folder"
    npm install --silent --no-audit --no-fund --prefix "$folder" "binaryen@$binaryen_version" ||
        fail "npm could not install binaryen $binaryen_version"
    . "$FRONTROW_ROOT/scripts/env.sh"
}

node_is_new_enough() {
    local found
    found="$(node --version)"
    version_at_least 18 "${found#v}" || fail "Node.js is $found here: 18 or newer is needed"
}

set_up_browser_tests() {
    local folder="$FRONTROW_ROOT/end2end"
    if [ ! -f "$folder/package-lock.json" ]; then
        return
    fi
    # npm writes this file last. Older than the lock file means that something else is installed than the lock says.
    if [ ! "$folder/node_modules/.package-lock.json" -nt "$folder/package-lock.json" ]; then
        node_is_new_enough
        say "Fetching the browser tests' npm packages (a few seconds)"
        (cd "$folder" && npm ci --silent --no-audit --no-fund) || fail "npm ci failed in end2end/"
        touch "$folder/node_modules/.package-lock.json"
    fi
    if [ -z "$FRONTROW_CHROMIUM" ]; then
        playwright_browser "$folder"
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

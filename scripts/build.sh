#!/usr/bin/env bash
# Builds the release: target/release/frontrow and target/site. Returns at once if nothing changed since the last time.
set -euo pipefail
# shellcheck source=scripts/env.sh
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"
cd "$FRONTROW_ROOT"
# shellcheck source=scripts/setup/say.sh
. scripts/setup/say.sh

# Its time is that of the sources in the last release that was built whole.
stamp=target/release-built-from

# Looks at folders too, so that a file that was removed counts as a change.
is_up_to_date() {
    [ -x target/release/frontrow ] && [ -d target/site/pkg ] && [ -f "$stamp" ] &&
        [ -z "$(find . -mindepth 1 \
            \( -path ./.git -o -path ./target -o -path ./end2end -o -name node_modules \) -prune \
            -o -newer "$stamp" -print | head -n 1)" ]
}

# lasts MINUTES: of a first build, on two cores that have nothing else to do.
lasts() {
    if [ "$first" = yes ]; then
        echo "about $1 on two quiet cores"
    else
        echo "what changed; all of it would take about $1"
    fi
}

pack_site() {
    local pkg=target/wasm-bindgen
    rm -rf "$pkg"
    target/release/site target/wasm32-unknown-unknown/wasm-release/frontend.wasm "$pkg"
    node site/build.mjs "$pkg" target/site target/release/hash.txt
}

installing scripts/setup.sh build
if is_up_to_date; then
    exit
fi

first=yes
if [ -e target/release/frontrow ]; then first=no; fi
mkdir -p target
touch "$stamp.new"
# Wherever CARGO_TARGET_DIR points: what runs the release looks for it here.
export CARGO_TARGET_DIR="$FRONTROW_ROOT/target"
stage "1 of 3: compiling what runs in the browser" "$(lasts '2 minutes')" \
    cargo build --profile wasm-release --target wasm32-unknown-unknown -p frontend --lib
stage "2 of 3: compiling the server" "$(lasts '12 minutes')" \
    cargo build --release -p server --bin frontrow -p site --bin site
stage "3 of 3: packing the site" "20 seconds" pack_site
mv "$stamp.new" "$stamp"

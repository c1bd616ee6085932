#!/usr/bin/env bash
# Builds the release: target/release/frontrow and target/site. Returns at once if nothing has
# changed since the last build.
set -euo pipefail
# shellcheck source=scripts/env.sh
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"
cd "$FRONTROW_ROOT"
# shellcheck source=scripts/setup/say.sh
. scripts/setup/say.sh

# The time of this file is that of the sources of the last complete release build.
stamp=target/release-built-from

# Compares folders as well, so that a removed file counts as a change.
is_up_to_date() {
    [ -x target/release/frontrow ] && [ -d target/site/pkg ] && [ -f "$stamp" ] &&
        [ -z "$(find . -mindepth 1 \
            \( -path ./.git -o -path ./target -o -path ./end2end -o -name node_modules \) -prune \
            -o -newer "$stamp" -print | head -n 1)" ]
}

# lasts MINUTES: prints the duration of a first build, on two idle cores.
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
# Overrides the caller's CARGO_TARGET_DIR: what runs the release looks for it here.
export CARGO_TARGET_DIR="$FRONTROW_ROOT/target"
stage "1 of 3: compiling what runs in the browser" "$(lasts '2 minutes')" \
    cargo build --profile wasm-release --target wasm32-unknown-unknown -p frontend --lib
stage "2 of 3: compiling the server" "$(lasts '12 minutes')" \
    cargo build --release -p server --bin frontrow -p site --bin site
stage "3 of 3: packing the site" "20 seconds" pack_site
mv "$stamp.new" "$stamp"

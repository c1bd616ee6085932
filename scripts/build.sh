#!/usr/bin/env bash
# Builds the release: target/release/frontrow and target/site. Returns at once if nothing changed since the last time.
set -euo pipefail
# shellcheck source=scripts/env.sh
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"
cd "$FRONTROW_ROOT"

# Its time is that of the sources in the last release that was built whole.
stamp=target/release-built-from

# Looks at folders too, so that a file that was removed counts as a change.
is_up_to_date() {
    [ -x target/release/frontrow ] && [ -d target/site/pkg ] && [ -f "$stamp" ] &&
        [ -z "$(find . -mindepth 1 \
            \( -path ./.git -o -path ./target -o -path ./end2end -o -name node_modules \) -prune \
            -o -newer "$stamp" -print | head -n 1)" ]
}

scripts/setup.sh build
if is_up_to_date; then
    exit
fi

printf '==> Building the release (several minutes the first time on two cores, then what changed)\n'
mkdir -p target
touch "$stamp.new"
# Each file of the site is packed as small as it gets, once: browsers take nothing in as it is.
cargo leptos build --release --precompress
mv "$stamp.new" "$stamp"

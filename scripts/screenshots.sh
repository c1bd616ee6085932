#!/usr/bin/env bash
# Takes the pictures for README and docs from the release, with a programme made for them, and
# writes them to docs/pictures.
set -euo pipefail
# shellcheck source=scripts/env.sh
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"
cd "$FRONTROW_ROOT"

installing scripts/setup.sh test
installing scripts/build.sh

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
(cd end2end && SCREENSHOTS="$folder" npm run pictures --silent -- --project wide-light-en --project narrow-dark-en)

show() {
    cp "$folder/$1.png" "docs/pictures/$2.png"
}
show home-wide-light-en home
show queue-waiting-narrow-dark-en queue
show ticket-narrow-dark-en ticket
show desk-wide-light-en desk
printf 'docs/pictures: home, queue, ticket, desk\n'

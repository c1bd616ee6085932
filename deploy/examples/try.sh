#!/usr/bin/env bash
# Two servers behind nginx and the page in PHP, on this machine, at http://127.0.0.1:8080. Ctrl-C stops all of it.
#
#   make build                                                                          # or FRONTROW=/path/to/frontrow
#   cargo run -p embedded --bin with-stores -- deploy/examples/try.sh                    # stores that go when it stops
#   DATABASE_URL=… REDIS_URL=… FRONTROW_TOKEN_SECRET=… deploy/examples/try.sh            # stores that stay
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
# shellcheck source=scripts/env.sh
. "$here/../../scripts/env.sh"
# Where Debian keeps servers, for those who are not root.
PATH="$PATH:/usr/sbin"

frontrow="${FRONTROW:-$FRONTROW_ROOT/target/release/frontrow}"
php_fpm="$(compgen -c php-fpm | sort -V | tail -n 1)"
export DATABASE_URL="${DATABASE_URL:-${FRONTROW_TEST_DATABASE_URL:?is not set: see the head of this file}}"
export REDIS_URL="${REDIS_URL:-$FRONTROW_TEST_REDIS_URL}"
export FRONTROW_TOKEN_SECRET="${FRONTROW_TOKEN_SECRET:-$(head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n')}"
export FRONTROW_PUBLIC_URL=http://127.0.0.1:8080
export FRONTROW_TRUSTED_PROXIES=127.0.0.1
export LEPTOS_SITE_ROOT="${LEPTOS_SITE_ROOT:-$FRONTROW_ROOT/target/site}"

run="$(mktemp -d)"
export FRONTROW_DATA_DIR="${FRONTROW_DATA_DIR:-$run}"
trap 'trap - EXIT INT TERM; kill $(jobs -p) 2>/dev/null; wait; rm -rf "$run"' EXIT INT TERM

# The files as they are, with this machine's addresses.
cp "$here/nginx/nginx.conf" "$run/"
sed -e 's|listen 80;|listen 127.0.0.1:8080;|' -e "s|/run/php/frontrow.sock|$run/php.sock|" \
    -e "s|/srv/frontrow/php|$here/php|" -e "s|/var/log/nginx/frontrow.log|$run/access.log|" \
    "$here/nginx/frontrow.conf" >"$run/frontrow.conf"
sed "s|user = www-data|user = $(id -un)|" "$here/php/php-fpm.conf" >"$run/php-fpm.conf"
as_root=
if [ "$(id -u)" -eq 0 ]; then
    as_root=--allow-to-run-as-root
    printf 'user root;\n' >>"$run/nginx.conf"
fi

"$frontrow" serve --demo --listen 127.0.0.1:3001 &
"$frontrow" serve --listen 127.0.0.1:3002 &
"$php_fpm" -p "$run" -y "$run/php-fpm.conf" --force-stderr ${as_root:+"$as_root"} &
# Which needs to know none of the secrets.
env -u DATABASE_URL -u REDIS_URL -u FRONTROW_TOKEN_SECRET nginx -p "$run/" -c nginx.conf -e stderr &
# If one of them ends by itself, the others go on: that is what is shown here.
wait

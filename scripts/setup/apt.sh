# shellcheck shell=bash
# Packages of Debian and its derivatives.

on_debian() {
    has apt-get && [ -r /etc/debian_version ]
}

on_ubuntu() {
    grep -q '^ID=ubuntu' /etc/os-release 2>/dev/null
}

can_be_root() {
    [ "$(id -u)" -eq 0 ] || has sudo
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        sudo "$@"
    fi
}

# require_root PACKAGES...
require_root() {
    can_be_root || fail "no root and no sudo here. As root, run: apt-get install --no-install-recommends $*"
}

apt_update_once() {
    if [ -z "${apt_updated:-}" ] && can_be_root; then
        as_root apt-get update -qq -o DPkg::Lock::Timeout=300 ||
            say "apt-get update had trouble: going on with the package lists that are here"
        apt_updated=yes
    fi
}

# apt_offers PACKAGE [VERSION]: succeeds if apt can install it in this version or a newer one.
apt_offers() {
    local candidate
    apt_update_once
    candidate="$(apt-cache policy "$1" 2>/dev/null | sed -n 's/^ *Candidate: *//p')"
    candidate="${candidate#*:}"
    case "$candidate" in
        [0-9]*) version_at_least "${2:-0}" "${candidate%%[!0-9.]*}" ;;
        *) return 1 ;;
    esac
}

# Installs packages and removes none.
apt_install() {
    local status=0 log
    require_root "$@"
    apt_update_once
    log="$(mktemp)"
    without_services as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -q --no-install-recommends --no-remove -o DPkg::Lock::Timeout=300 "$@" \
        </dev/null >"$log" 2>&1 || status=$?
    if [ "$status" -ne 0 ]; then
        cat "$log"
    fi
    rm -f "$log"
    return "$status"
}

# Runs a command under a policy by which packages start no services: Frontrow starts servers of its
# own. A subshell, so that the policy is removed however the command ends.
without_services() (
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
        trap 'as_root rm -f "$policy"' EXIT
        printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
        as_root chmod 755 "$policy"
    fi
    "$@"
)

# Debian creates a database cluster when PostgreSQL is installed. The caller that installs
# PostgreSQL must call this first.
without_default_cluster() {
    if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
        as_root mkdir -p /etc/postgresql-common/createcluster.d
        echo 'create_main_cluster = false' |
            as_root tee /etc/postgresql-common/createcluster.d/frontrow.conf >/dev/null
    fi
}

# without_service NAME: keeps Debian from starting the service at boot. NAME may be a pattern. The
# caller that installed the service must call this afterwards.
without_service() {
    local unit
    if has systemctl; then
        for unit in /lib/systemd/system/$1.service; do
            unit="${unit##*/}"
            as_root systemctl disable --quiet "${unit%.service}" 2>/dev/null || true
        done
    fi
}

# shellcheck shell=bash
# How the set-up speaks, and small questions it asks everywhere.

say() {
    printf '==> %s\n' "$*"
}

fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

has() {
    command -v "$1" >/dev/null 2>&1
}

on_macos() {
    [ "$(uname -s)" = Darwin ]
}

# within SECONDS COMMAND...: stops the command after that time, except where there is no `timeout` (macOS).
within() {
    if has timeout; then
        timeout "$@"
    else
        shift
        "$@"
    fi
}

# version_at_least WANTED FOUND, for versions such as 1.96 and 1.101.0
version_at_least() {
    local wanted_major wanted_minor found_major found_minor rest
    IFS=. read -r wanted_major wanted_minor rest <<<"$1"
    # shellcheck disable=SC2034 # the rest, the patch level, does not matter
    IFS=. read -r found_major found_minor rest <<<"$2"
    if [ "$found_major" -ne "$wanted_major" ]; then
        [ "$found_major" -gt "$wanted_major" ]
    else
        [ "${found_minor:-0}" -ge "${wanted_minor:-0}" ]
    fi
}

# shellcheck shell=bash
# Output of the set-up, and small checks that all its parts use.

say() {
    printf '==> %s\n' "$*"
}

# stage TITLE DURATION COMMAND...: runs a command that takes minutes under a headline, and reports
# the elapsed time every minute.
stage() {
    local title="$1" duration="$2" status=0 counter
    shift 2
    say "$title ($duration)"
    count_minutes "$title" "$duration" &
    counter="$!"
    "$@" || status=$?
    kill "$counter" 2>/dev/null || true
    wait "$counter" 2>/dev/null || true
    return "$status"
}

# Ends with the script that started it, even if that was interrupted.
count_minutes() {
    local start="$SECONDS" minutes=0
    while sleep 2 && kill -0 "$$" 2>/dev/null; do
        if [ "$((SECONDS - start))" -ge "$(((minutes + 1) * 60))" ]; then
            minutes=$((minutes + 1))
            say "$1: $minutes min so far ($2)"
        fi
    done
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

# within SECONDS COMMAND...: stops the command after that time, except where there is no `timeout`
# (macOS).
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

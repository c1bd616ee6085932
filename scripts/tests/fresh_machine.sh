#!/usr/bin/env bash
# Runs `make run`, `make dev` and `make test` as on a machine with nothing installed yet, with stubs
# in place of cargo, npm, apt-get and similar programs. Set-up and build run in one process order,
# as they do there: what set-up has just installed must be on PATH when the build looks for it.
# Takes seconds, and installs nothing.
#
#   SCRIPTS=/other/checkout scripts/tests/fresh_machine.sh   tests the scripts of another checkout
set -euo pipefail
scripts_of="${SCRIPTS:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}"

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
machine="$work/machine"
passed=0
failed=0

# Links the system programs that the scripts use; nothing else of the real PATH is available.
system_programs() {
    local program found
    mkdir -p "$work/system"
    for program in bash basename cat chmod cp cut date diff dirname env find grep head kill ln ls make mkdir mktemp mv paste ps \
        readlink rm sed seq sleep sort tail tee timeout touch tr uname wc; do
        found="$(type -P "$program" || true)"
        if [ -n "$found" ]; then ln -s "$found" "$work/system/$program"; fi
    done
}

# program FILE: creates an executable of the fresh machine from the text on standard input.
program() {
    {
        printf '#!%s\nmachine=%q\n' "$BASH" "$machine"
        cat
    } >"$1"
    chmod +x "$1"
}

# new_machine with_rustup|without_rustup: a machine with a C compiler, stores and npm, and without
# our tools.
new_machine() {
    local folder
    rm -rf "$machine"
    mkdir -p "$machine/bin" "$machine/home" "$machine/checkout/scripts" "$machine/checkout/.sqlx"
    cp -R "$scripts_of/scripts/." "$machine/checkout/scripts/"
    # `make test` must not run this file recursively.
    mkdir -p "$machine/checkout/scripts/tests"
    program "$machine/checkout/scripts/tests/fresh_machine.sh" </dev/null
    cp "$scripts_of/Makefile" "$scripts_of/Cargo.lock" "$scripts_of/rust-toolchain.toml" "$machine/checkout/"
    for folder in site end2end; do
        mkdir -p "$machine/checkout/$folder"
        echo '{}' >"$machine/checkout/$folder/package-lock.json"
    done
    system_stubs
    rust_stubs
    if [ "$1" = with_rustup ]; then cp "$machine/rustup" "$machine/bin/rustup"; fi
    npm_stubs
}

system_stubs() {
    local name
    for name in cc redis-server postgres initdb nginx php-fpm; do
        program "$machine/bin/$name" <<<'exit 0'
    done
    program "$machine/bin/php" <<<'echo redis'
    program "$machine/bin/fc-list" <<<'echo NotoSansCJK.ttc'
    # An unprivileged user: the scripts then use `sudo`, and this stub writes nothing to the real
    # system.
    program "$machine/bin/id" <<<'echo 1000'
    # shellcheck disable=SC2016 # the stub's own arguments
    program "$machine/bin/sudo" <<<'case "$1" in env | apt-get) exec "$@" ;; tee) cat >/dev/null ;; esac'
    program "$machine/bin/apt-cache" <<<'echo "  Candidate: 2.0"'
    program "$machine/bin/apt-get" <<'END'
for package in "$@"; do
    case "$package" in
        rustup) cp "$machine/rustup" "$machine/bin/rustup" ;;
        chromium) cp "$machine/bin/cc" "$machine/bin/chromium" ;;
    esac
done
END
}

rust_stubs() {
    # The programs of a toolchain are in cargo's folder only after rustup has installed one.
    program "$machine/rustup" <<'END'
[ "$1 $2" = "toolchain install" ] || exit 0
rustlib="$machine/sysroot/lib/rustlib"
mkdir -p "$HOME/.cargo/bin" "$machine/sysroot/bin" "$rustlib/wasm32-unknown-unknown/lib" "$rustlib/stub-host/bin"
touch "$rustlib/wasm32-unknown-unknown/lib/libstd-1.rlib"
for program in "$machine/sysroot/bin/"{cargo,clippy-driver,rustfmt} "$rustlib/stub-host/bin/rust-lld"; do
    cp "$machine/bin/cc" "$program"
done
cp "$machine/rustc" "$machine/cargo" "$HOME/.cargo/bin/"
END
    program "$machine/rustc" <<'END'
case "$*" in
    --version) echo "rustc 1.99.0 (stub)" ;;
    '--print sysroot') echo "$machine/sysroot" ;;
    -vV) echo "host: stub-host" ;;
esac
END
    program "$machine/cargo" <<'END'
# want PROGRAMS...: notes those that are not on PATH.
want() {
    local program
    for program in "$@"; do
        if ! command -v "$program" >/dev/null; then
            echo "cargo: $program is not on PATH" | tee -a "$machine/missing" >&2
        fi
    done
}

# writes FILE TEXT
writes() {
    mkdir -p "${1%/*}"
    printf '#!%s\n%s\n' "$BASH" "$2" >"$1"
    chmod +x "$1"
}

case "$1" in
    install)
        for argument in "$@"; do
            case "$argument" in
                wasm-bindgen-cli) writes "$HOME/.cargo/bin/wasm-bindgen" 'echo wasm-bindgen 0.2.130' ;;
                cargo-leptos) writes "$HOME/.cargo/bin/cargo-leptos" 'echo cargo-leptos 0.3.11' ;;
                cargo-nextest) writes "$HOME/.cargo/bin/cargo-nextest" '' ;;
            esac
        done
        ;;
    leptos)
        want rustc cargo cargo-leptos wasm-bindgen wasm-opt
        mkdir -p target/site/pkg
        writes target/release/frontrow 'echo frontrow started'
        echo "cargo leptos $2"
        ;;
    *)
        want rustc cargo wasm-opt
        writes target/release/frontrow 'echo frontrow started'
        writes target/release/site ''
        writes target/debug/chaos ''
        ;;
esac
END
}

# npm creates node_modules next to the lock file, or where --prefix points.
npm_stubs() {
    program "$machine/bin/npm" <<'END'
folder=.
while [ $# -gt 0 ]; do
    if [ "$1" = --prefix ]; then folder="$2"; fi
    shift
done
modules="$folder/node_modules"
mkdir -p "$modules/.bin" "$modules/binaryen"
touch "$modules/.package-lock.json"
printf '"version": "132.0.0"\n' >"$modules/binaryen/package.json"
cp "$machine/bin/cc" "$modules/.bin/wasm-opt"
END
    program "$machine/bin/node" <<'END'
if [ "$1" = --version ]; then
    echo v20.0.0
elif ! command -v wasm-opt >/dev/null; then
    echo "node: wasm-opt is not on PATH" | tee -a "$machine/missing" >&2
fi
mkdir -p target/site/pkg
END
    program "$machine/bin/npx" <<'END'
if [ -z "$FRONTROW_CHROMIUM" ]; then
    echo "npx: set-up has installed a browser, and FRONTROW_CHROMIUM is empty" | tee -a "$machine/missing" >&2
fi
END
}

# check TITLE OUTPUT COMMAND...: asserts that on the fresh machine the command succeeds, misses no
# tool, and prints OUTPUT.
check() {
    local title="$1" output="$2" status=0
    shift 2
    (cd "$machine/checkout" && env -i HOME="$machine/home" PATH="$machine/bin:$work/system" "$@") \
        >"$work/log" 2>&1 </dev/null || status=$?
    if [ "$status" -eq 0 ] && [ ! -e "$machine/missing" ] && grep -q "$output" "$work/log"; then
        printf 'ok      %s\n' "$title"
        passed=$((passed + 1))
    else
        printf 'FAILED  %s (exit status %d)\n' "$title" "$status"
        sed 's/^/    /' "$work/log" | tail -n 30
        failed=$((failed + 1))
    fi
}

system_programs
rustups=(with_rustup)
# Without rustup, set-up installs Debian's package of rustup.
if [ -r /etc/debian_version ]; then rustups+=(without_rustup); fi
for rustup in "${rustups[@]}"; do
    new_machine "$rustup"
    check "make run, $rustup" 'frontrow started' make run
    check "make run again, $rustup" 'frontrow started' make run
    new_machine "$rustup"
    check "make dev, $rustup" 'cargo leptos watch' make dev
    new_machine "$rustup"
    check "make test, $rustup" '=== Summary' make test
done
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]

# shellcheck shell=bash
# Command-line tools written in Rust. They are installed into cargo's own bin folder.

cargo_leptos_version=0.3.11
nextest_version=0.9.143
deny_version=0.20.2

# The command must have the same version as the library in Cargo.lock.
wasm_bindgen_version() {
    local locked=''
    if [ -f "$FRONTROW_ROOT/Cargo.lock" ]; then
        locked="$(sed -n '/^name = "wasm-bindgen"$/{n;s/^version = "\(.*\)"/\1/p;}' "$FRONTROW_ROOT/Cargo.lock")"
    fi
    echo "${locked:-0.2.130}"
}

set_up_wasm_bindgen() {
    local version
    version="$(wasm_bindgen_version)"
    if [ "$(wasm-bindgen --version 2>/dev/null)" != "wasm-bindgen $version" ]; then
        cargo_install wasm-bindgen-cli "$version" '2 to 4 minutes'
    fi
}

set_up_cargo_leptos() {
    if [ "$(cargo-leptos --version 2>/dev/null)" != "cargo-leptos $cargo_leptos_version" ]; then
        cargo_install cargo-leptos "$cargo_leptos_version" '4 to 8 minutes'
    fi
}

# Any installed version is accepted.
set_up_nextest() {
    if ! has cargo-nextest; then
        cargo_install cargo-nextest "$nextest_version" '2 to 5 minutes'
    fi
}

# Any installed version is accepted. Installed only prebuilt: building it takes longer than the
# tests it belongs to, which report that they run without it.
set_up_deny() {
    if ! has cargo-deny && has cargo-binstall; then
        say "Fetching cargo-deny $deny_version with cargo-binstall (a few seconds)"
        within 120 cargo binstall --no-confirm --disable-strategies compile "cargo-deny@$deny_version" || true
    fi
}

# cargo_install CRATE VERSION DURATION: fetches it prebuilt where possible, otherwise builds it.
cargo_install() {
    local crate="$1" version="$2" duration="$3"
    if has cargo-binstall; then
        say "Fetching $crate $version with cargo-binstall (a few seconds)"
        if within 120 cargo binstall --no-confirm --force --disable-strategies compile "$crate@$version"; then
            return
        fi
    fi
    stage "Building $crate $version" "$duration on two cores, once" build_tool "$crate" "$version" ||
        fail "$crate $version could not be built"
    rm -rf "$FRONTROW_TOOLS/cargo"
}

# These tools only drive the compiler: unoptimised they work as well, and build in a third of the
# time. The build folder is kept until a tool is done, so that an interrupted build resumes. A
# registry may lag behind a tool's own lock file: then it is built without the lock file.
build_tool() {
    cargo_install_unoptimised "$1" "$2" --locked 2>/dev/null || cargo_install_unoptimised "$1" "$2"
}

cargo_install_unoptimised() {
    local crate="$1" version="$2"
    shift 2
    env CARGO_TARGET_DIR="$FRONTROW_TOOLS/cargo" \
        CARGO_PROFILE_RELEASE_LTO=off \
        CARGO_PROFILE_RELEASE_OPT_LEVEL=0 \
        CARGO_PROFILE_RELEASE_CODEGEN_UNITS=256 \
        CARGO_PROFILE_RELEASE_DEBUG=0 \
        CARGO_PROFILE_RELEASE_STRIP=true \
        cargo install --quiet --force "$crate" --version "$version" "$@"
}

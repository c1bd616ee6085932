# shellcheck shell=bash
# Rust with clippy, rustfmt and the standard library for WebAssembly: from rustup, otherwise from
# Debian.

wasm_target=wasm32-unknown-unknown

# Prints the version that rust-toolchain.toml requires, such as 1.96.
wanted_rust() {
    sed -n 's/^channel *= *"\(.*\)"/\1/p' "$FRONTROW_ROOT/rust-toolchain.toml"
}

# Succeeds if the Rust that `cargo` finds in the checkout is complete. The check never makes rustup
# download anything.
rust_is_ready() {
    local found sysroot host
    found="$(RUSTUP_AUTO_INSTALL=0 rustc --version 2>/dev/null)" || return 1
    found="${found#rustc }"
    version_at_least "$(wanted_rust)" "${found%% *}" || return 1

    sysroot="$(rustc --print sysroot)"
    host="$(rustc -vV | sed -n 's/^host: //p')"
    has_wasm_std "$sysroot" || return 1
    has rust-lld || [ -x "$sysroot/lib/rustlib/$host/bin/rust-lld" ] || return 1
    [ -x "$sysroot/bin/cargo" ] && [ -x "$sysroot/bin/clippy-driver" ] && [ -x "$sysroot/bin/rustfmt" ]
}

# has_wasm_std SYSROOT
has_wasm_std() {
    compgen -G "$1/lib/rustlib/$wasm_target/lib/libstd-*.rlib" >/dev/null
}

set_up_rust() {
    if rust_is_ready; then
        return
    fi
    rust_from_rustup || rust_from_debian ||
        fail "no Rust $(wanted_rust) for $wasm_target here. Get rustup from https://rustup.rs, then run this again"
    # Cargo's bin folder may be new.
    installing true
    rust_is_ready ||
        fail "Rust was installed, but the 'rustc' found here is not a complete Rust $(wanted_rust): see 'rustup show'"
}

rust_from_rustup() {
    if ! has rustup; then
        on_debian && apt_offers rustup || return 1
        say "Installing rustup (a few seconds)"
        apt_install rustup || return 1
    fi
    say "Fetching Rust $(wanted_rust) with rustup (half a minute)"
    if RUST_BACKTRACE=0 RUSTUP_MAX_RETRIES=1 within 600 rustup toolchain install "$(wanted_rust)" \
        --no-self-update --profile minimal --component clippy --component rustfmt --target "$wasm_target"; then
        return
    fi
    say "rustup cannot download here: turning to Debian's Rust"
    return 1
}

# The Rust that Debian keeps for building web browsers is new enough, but has no standard library
# for WebAssembly.
rust_from_debian() {
    on_debian && apt_offers rustc-web "$(wanted_rust)" || return 1
    debian_rust_packages || return 1
    if ! has rust-lld; then
        as_root ln -sf "$(command -v lld)" /usr/local/bin/rust-lld
    fi
    if ! has_wasm_std /usr; then
        build_wasm_std || return 1
    fi
    if has rustup; then
        rustup toolchain link debian /usr
        # An override takes precedence over rust-toolchain.toml, in this checkout only.
        rustup override set debian --path "$FRONTROW_ROOT"
    fi
}

debian_rust_packages() {
    local packages=(rustc-web cargo-web rust-web-src rust-web-clippy rustfmt-web lld)
    if ! dpkg -s "${packages[@]}" >/dev/null 2>&1; then
        say "Installing ${packages[*]} (half a minute)"
        apt_install "${packages[@]}"
    fi
}

# Builds the standard library from the source that Debian ships, once per machine.
build_wasm_std() {
    local folder="$FRONTROW_TOOLS/wasm-std" libraries="/usr/lib/rustlib/$wasm_target/lib"
    say "Building Rust's standard library for WebAssembly (1 to 2 minutes, once)"
    mkdir -p "$folder/src"
    printf '[package]\nname = "wasm-std"\nedition = "2021"\n[workspace]\n' >"$folder/Cargo.toml"
    : >"$folder/src/lib.rs"
    # PATH keeps cargo from finding a compiler of rustup's. RUSTC_BOOTSTRAP allows -Z build-std with
    # a stable compiler. Link-time optimisation needs the bitcode.
    (cd "$folder" && env -u RUSTUP_TOOLCHAIN -u RUSTC PATH="/usr/bin:$PATH" CARGO_TARGET_DIR="$folder/target" \
        RUSTC_BOOTSTRAP=1 RUSTFLAGS='-C embed-bitcode=yes' \
        cargo build --quiet --release --target "$wasm_target" -Z build-std=std,panic_abort) || return 1
    as_root mkdir -p "$libraries" &&
        as_root cp "$folder/target/$wasm_target/release/deps/"*.rlib "$libraries/" || return 1
    rm -rf "$folder"
}

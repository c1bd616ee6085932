//! `site WASM FOLDER`: converts the compiled module into the one that a browser loads, with its
//! JavaScript.
//!
//! Uses wasm-bindgen as a library: its version is in Cargo.lock next to the one that the pages are
//! compiled with, and the two must be equal. The command of the same name would have to be
//! installed separately, with twice as many crates.

use anyhow::{Context, bail};
use std::env;
use std::path::PathBuf;
use wasm_bindgen_cli_support::Bindgen;

fn main() -> anyhow::Result<()> {
    let mut arguments = env::args_os().skip(1).map(PathBuf::from);
    let (Some(wasm), Some(folder), None) = (arguments.next(), arguments.next(), arguments.next())
    else {
        bail!("usage: site WASM FOLDER");
    };
    Bindgen::new()
        .input_path(&wasm)
        .out_name("frontrow")
        .web(true)?
        .typescript(false)
        .generate(&folder)
        .with_context(|| format!("wasm-bindgen could not process {}", wasm.display()))
}

//! Passes link flags for the shared library, and does nothing else: it never
//! writes into the source tree. The header is made by `tests/header.rs`.

use std::env;

/// Ends in the ABI number; `tests/header.rs` compares it with `wsc_abi_version`.
const SONAME: &str = "libwsc.so.0";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if !links_elf() {
        return;
    }
    // cargo-c, which sets this, passes a soname of its own.
    if env::var_os("CARGO_FEATURE_CAPI").is_none() {
        println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,{SONAME}");
    }
    // A host may unload the library (PHP does when its FFI object dies), but the
    // code of threads and thread-local destructors has to stay.
    println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");
}

fn links_elf() -> bool {
    let target = |name| env::var(name).unwrap_or_default();
    target("CARGO_CFG_TARGET_FAMILY") == "unix" && target("CARGO_CFG_TARGET_VENDOR") != "apple"
}

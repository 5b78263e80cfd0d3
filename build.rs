//! Passes link flags for the shared library. For `cargo cinstall` it also generates
//! the CMake package, below OUT_DIR: it never writes into the source tree. The header
//! is made by `tests/header.rs`.

use std::path::Path;
use std::{env, fs, io};

/// Ends in the ABI number; `tests/header.rs` compares it with `wsc_abi_version`.
const SONAME: &str = "libwsc.so.0";

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    let cargo_c = env::var_os("CARGO_FEATURE_CAPI").is_some();
    if cargo_c {
        generate_cmake_package()?;
    }
    if !links_elf() {
        return Ok(());
    }
    // cargo-c passes a soname of its own.
    if !cargo_c {
        println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,{SONAME}");
    }
    // A host may unload the library (PHP does when its FFI object dies), but the
    // code of threads and thread-local destructors has to stay.
    println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");
    Ok(())
}

fn links_elf() -> bool {
    let target = |name| env::var(name).unwrap_or_default();
    target("CARGO_CFG_TARGET_FAMILY") == "unix" && target("CARGO_CFG_TARGET_VENDOR") != "apple"
}

/// From the templates of `make install`. cargo-c installs below `share/cmake/wsc` what
/// it finds in `capi/share`, and tells nobody in which directory the library will be.
fn generate_cmake_package() -> io::Result<()> {
    const TEMPLATES: &str = "bindings/cpp/cmake";
    const LIBDIRS: &str =
        r#""../../../lib/${CMAKE_LIBRARY_ARCHITECTURE}" ../../../lib64 ../../../lib"#;

    let variable = |name| env::var(name).map_err(io::Error::other);
    let version = variable("CARGO_PKG_VERSION")?;
    let output = Path::new(&variable("OUT_DIR")?).join("capi/share");
    fs::create_dir_all(&output)?;
    for file in ["wsc-config.cmake", "wsc-config-version.cmake"] {
        let template = Path::new(TEMPLATES).join(file).with_added_extension("in");
        println!("cargo::rerun-if-changed={}", template.display());
        let text = fs::read_to_string(template)?
            .replace("@VERSION@", &version)
            .replace("@SONAME@", SONAME)
            .replace("@LIBDIRS@", LIBDIRS)
            .replace("@INCLUDEDIR@", "../../../include");
        fs::write(output.join(file), text)?;
    }
    Ok(())
}

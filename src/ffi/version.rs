//! Version and ABI number.

use std::ffi::{CStr, c_char};

/// Constants that are not the value of a type. An enum, so that every language
/// reads them from the declarations; functions take and return plain integers.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum wsc_constant_t {
    /// In place of a time in milliseconds: no limit, never.
    WSC_FOREVER = -1,
    /// The ABI number these declarations belong to. A program whose number
    /// differs from `wsc_abi_version` was built for another library.
    WSC_ABI_VERSION = 0,
}

const VERSION: &CStr =
    match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
        Ok(version) => version,
        Err(_) => panic!("a NUL in the version"),
    };

/// Tells the library's version, such as "0.1.0".
///
/// @return Static text, NUL-terminated. Never NULL, never freed.
///
/// @par Threads
/// Any thread, at any time, also in a forked child.
///
/// @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn wsc_version() -> *const c_char {
    VERSION.as_ptr()
}

/// Tells the ABI number of the loaded library.
///
/// Functions, events and enum values are only ever added within one number. Any
/// removal or change of meaning makes a new number, and a new soname with it.
///
/// @return The number; equal to `WSC_ABI_VERSION` if the header fits the library.
///
/// @par Threads
/// Any thread, at any time, also in a forked child.
///
/// @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn wsc_abi_version() -> u32 {
    wsc_constant_t::WSC_ABI_VERSION as u32
}

//! The C boundary: every exported function converts its arguments, calls the
//! safe code and converts the result. Whatever decides something belongs behind
//! it, where a Rust test can reach it.
//!
//! Public only so that tests and fuzzers call the exported functions by the
//! declarations they were compiled from. C programs read `include/wsc.h`, which
//! `tests/header.rs` generates from this module.

#![allow(unsafe_code)] // C pointers; every use says why it is sound
#![allow(non_camel_case_types)] // the names are C's

mod boundary;
mod callback;
mod conn;
mod event;
mod http;
mod loop_;
mod network;
mod reconnect;
mod report;
mod settings;
mod status;
mod tls;
mod traffic;
mod version;

pub use callback::*;
pub use conn::*;
pub use event::*;
pub use http::*;
pub use loop_::*;
pub use network::*;
pub use reconnect::*;
pub use report::*;
pub use settings::*;
pub use status::*;
pub use tls::*;
pub use traffic::*;
pub use version::*;

//! A WebSocket client, exported as a C-ABI shared library.
//!
//! The C functions live in `ffi`; everything behind them is safe Rust that can
//! be used as a crate: a [`event_loop::Loop`] drives any number of
//! [`connection::Connection`]s.

#![deny(unsafe_code)]
#![warn(clippy::undocumented_unsafe_blocks)]

pub mod config;
mod connect;
pub mod connection;
pub mod error;
pub mod event;
pub mod event_loop;
pub mod ffi;
pub mod http;
pub mod reconnect;
pub mod report;

mod assembly;
mod deflate;
mod helpers;
mod inbox;
mod masks;
mod reactor;
mod read_buffer;
mod reader;
mod send_queue;
mod session;
mod sys;
mod transport;

pub use connect::tls;

/// The inner parts that `benches/` measures. They may change at any time.
#[doc(hidden)]
pub mod parts {
    pub use crate::deflate::{Agreement, Deflater};
    pub use crate::read_buffer::Input;
    pub use crate::reader::Reader;
    pub use crate::send_queue::append_frame;
}

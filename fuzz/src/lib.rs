//! The fuzz targets. Each is a function that takes any bytes; `fuzz_targets/` ties
//! them to libFuzzer, and `tests/corpus.rs` runs them over the corpora without it.

pub mod calls;
pub mod proxy;
pub mod reader;
pub mod session;
pub mod settings;
pub mod upgrade;

mod client;
mod model;

//! The backends of flate2 that permessage-deflate could use, on messages like those of
//! the benchmark: nanoseconds for a message and the size that is left. Which backend
//! it is, features decide; `make bench-deflate` measures both.

use std::io;
use std::time::{Duration, Instant};

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

const BACKEND: &str = if cfg!(feature = "zlib-ng") {
    "zlib-ng"
} else {
    "zlib-rs"
};

const LEVELS: [u32; 3] = [1, 6, 9];

/// The median of so many passes over all messages counts.
const PASSES: usize = 200;

fn main() -> io::Result<()> {
    let file = std::env::args()
        .nth(1)
        .ok_or_else(|| io::Error::other("usage: deflate MESSAGES"))?;
    let text = std::fs::read_to_string(file)?;
    let messages: Vec<&[u8]> = text.lines().map(str::as_bytes).collect();
    for level in LEVELS {
        let mut compress = Compress::new(Compression::new(level), false);
        let mut compressed = Vec::new();
        let deflating = median(messages.len(), || {
            compressed = messages
                .iter()
                .map(|message| deflate(&mut compress, message))
                .collect();
        });
        // The last pass refers to those before it: once more with a new context.
        compress.reset();
        compressed = messages
            .iter()
            .map(|message| deflate(&mut compress, message))
            .collect();
        let size: usize = compressed.iter().map(Vec::len).sum();

        let mut decompress = Decompress::new(false);
        let mut out = Vec::with_capacity(64 * 1024);
        let inflating = median(messages.len(), || {
            for message in &compressed {
                out.clear();
                inflate(&mut decompress, message, &mut out);
            }
        });
        println!(
            "{BACKEND} level {level}: deflate {} ns, inflate {} ns, {:.1} % of the size",
            deflating.as_nanos(),
            inflating.as_nanos(),
            size as f64 * 100.0
                / messages.iter().map(|message| message.len()).sum::<usize>() as f64,
        );
    }
    Ok(())
}

fn deflate(compress: &mut Compress, message: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(message.len() + 64);
    let status = compress.compress_vec(message, &mut out, FlushCompress::Sync);
    assert_eq!(status.ok(), Some(Status::Ok));
    out
}

fn inflate(decompress: &mut Decompress, message: &[u8], out: &mut Vec<u8>) {
    let status = decompress.decompress_vec(message, out, FlushDecompress::Sync);
    assert_eq!(status.ok(), Some(Status::Ok));
}

/// For one message, of passes over so many.
fn median(messages: usize, mut pass: impl FnMut()) -> Duration {
    let mut times: Vec<Duration> = (0..PASSES)
        .map(|_| {
            let start = Instant::now();
            pass();
            start.elapsed()
        })
        .collect();
    times.sort_unstable();
    times[PASSES / 2] / messages as u32
}

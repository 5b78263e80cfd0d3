//! The server's side of permessage-deflate (RFC 7692).

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};

const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

/// Compresses one message.
pub fn deflated(payload: impl AsRef<[u8]>) -> Vec<u8> {
    Deflate::new(15, 15).compress(payload)
}

/// Both directions, with their contexts.
pub struct Deflate {
    compress: Compress,
    decompress: Decompress,
}

impl Deflate {
    pub fn new(client_window_bits: u8, server_window_bits: u8) -> Deflate {
        let level = Compression::default();
        Deflate {
            compress: Compress::new_with_window_bits(level, false, server_window_bits),
            decompress: Decompress::new_with_window_bits(false, client_window_bits),
        }
    }

    pub fn compress(&mut self, payload: impl AsRef<[u8]>) -> Vec<u8> {
        let payload = payload.as_ref();
        if payload.is_empty() {
            return vec![0]; // a second flush in a row gives nothing
        }
        let mut out = Vec::with_capacity(payload.len() + payload.len() / 8 + 64);
        self.compress
            .compress_vec(payload, &mut out, FlushCompress::Sync)
            .unwrap();
        assert!(out.ends_with(&TAIL));
        out.truncate(out.len() - TAIL.len());
        out
    }

    pub fn decompress(&mut self, payload: &[u8]) -> Vec<u8> {
        self.try_decompress(payload)
            .expect("one message, whole and no more")
    }

    /// The same where the bytes may have suffered.
    pub fn try_decompress(&mut self, payload: &[u8]) -> Option<Vec<u8>> {
        let input = [payload, &TAIL].concat();
        let mut out = Vec::with_capacity(4 << 20);
        let before = self.decompress.total_in();
        self.decompress
            .decompress_vec(&input, &mut out, FlushDecompress::Sync)
            .ok()?;
        let taken = self.decompress.total_in() - before;
        (taken == input.len() as u64).then_some(out)
    }

    pub fn forget_received(&mut self) {
        self.decompress.reset(false);
    }

    pub fn forget_sent(&mut self) {
        self.compress.reset();
    }
}

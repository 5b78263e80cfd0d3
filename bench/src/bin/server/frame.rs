//! Frame headers, and a parser of what clients send that takes bytes in any cut.

pub const TEXT: u8 = 1;
pub const BINARY: u8 = 2;
pub const CLOSE: u8 = 8;
pub const PING: u8 = 9;
pub const PONG: u8 = 10;

const FIN: u8 = 0x80;
pub const COMPRESSED: u8 = 0x40;

const MASKED: u8 = 0x80;
const LONGEST_HEADER: usize = 14;

/// Writes the header of an unmasked frame, from its first byte and its length.
pub fn write_header(out: &mut Vec<u8>, first: u8, len: usize) {
    out.push(first);
    match len {
        0..=125 => out.push(len as u8),
        126..=0xFFFF => {
            out.push(126);
            out.extend_from_slice(&(len as u16).to_be_bytes());
        }
        _ => {
            out.push(127);
            out.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
}

/// Writes a final frame. `kind` is its opcode and RSV1.
pub fn write(out: &mut Vec<u8>, kind: u8, payload: &[u8]) {
    write_header(out, FIN | kind, payload.len());
    out.extend_from_slice(payload);
}

/// What a frame says of itself before its payload.
#[derive(Clone, Copy, Default)]
pub struct Head {
    pub first: u8,
    pub len: usize,
}

impl Head {
    pub fn opcode(self) -> u8 {
        self.first & 15
    }

    pub fn is_control(self) -> bool {
        self.opcode() >= CLOSE
    }

    /// Whether a message ends here.
    pub fn ends_message(self) -> bool {
        !self.is_control() && self.first & FIN != 0
    }
}

pub enum Piece<'a> {
    Head(Head),
    /// Unmasked.
    Payload(&'a mut [u8]),
    End,
}

#[derive(Default)]
pub struct Parser {
    header: [u8; LONGEST_HEADER],
    have: usize,
    head: Head,
    /// Of the frame whose header is complete; `None` between frames.
    left: Option<usize>,
    /// Turned so that its lowest byte belongs to the next byte of the payload.
    mask: u32,
}

impl Parser {
    /// Of the frame that is under way.
    pub fn head(&self) -> Head {
        self.head
    }

    /// Takes the next piece off the front of `input`; `None` when it needs more.
    pub fn next<'a>(&mut self, input: &mut &'a mut [u8]) -> Option<Piece<'a>> {
        match self.left {
            None => self.parse_head(input).map(Piece::Head),
            Some(0) => {
                self.left = None;
                Some(Piece::End)
            }
            Some(_) if input.is_empty() => None,
            Some(left) => {
                let here = left.min(input.len());
                let payload = take(input, here);
                unmask(payload, self.mask);
                self.mask = self.mask.rotate_right(8 * (here as u32 % 4));
                self.left = Some(left - here);
                Some(Piece::Payload(payload))
            }
        }
    }

    fn parse_head(&mut self, input: &mut &mut [u8]) -> Option<Head> {
        while self.have < self.header_len() {
            let here = (self.header_len() - self.have).min(input.len());
            if here == 0 {
                return None;
            }
            self.header[self.have..self.have + here].copy_from_slice(take(input, here));
            self.have += here;
        }
        let [first, second, rest @ ..] = self.header;
        let len = match second & !MASKED {
            126 => u16::from_be_bytes([rest[0], rest[1]]).into(),
            127 => u64::from_be_bytes(std::array::from_fn(|i| rest[i])) as usize,
            short => short.into(),
        };
        let mask = &self.header[self.have - 4..self.have];
        self.mask = u32::from_le_bytes(std::array::from_fn(|i| mask[i]));
        self.have = 0;
        self.left = Some(len);
        self.head = Head { first, len };
        Some(self.head)
    }

    /// As far as it is known yet: what a client sends is masked.
    fn header_len(&self) -> usize {
        if self.have < 2 {
            return 2;
        }
        match self.header[1] & !MASKED {
            126 => 8,
            127 => 14,
            _ => 6,
        }
    }
}

fn take<'a>(input: &mut &'a mut [u8], len: usize) -> &'a mut [u8] {
    let (front, rest) = std::mem::take(input).split_at_mut(len);
    *input = rest;
    front
}

fn unmask(payload: &mut [u8], mask: u32) {
    let wide = u64::from(mask) << 32 | u64::from(mask);
    let (words, tail) = payload.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_le_bytes(*word) ^ wide).to_le_bytes();
    }
    for (byte, key) in tail.iter_mut().zip(wide.to_le_bytes()) {
        *byte ^= key;
    }
}

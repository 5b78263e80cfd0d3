//! WebSocket frames made and taken apart by hand (RFC 6455 §5.2), wrong ones too.

/// Opcodes.
pub mod op {
    pub const CONTINUATION: u8 = 0;
    pub const TEXT: u8 = 1;
    pub const BINARY: u8 = 2;
    pub const CLOSE: u8 = 8;
    pub const PING: u8 = 9;
    pub const PONG: u8 = 10;
}

/// One frame. Received frames hold their payload unmasked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    pub fin: bool,
    /// RSV1 is 4, RSV2 is 2, RSV3 is 1.
    pub rsv: u8,
    pub opcode: u8,
    pub mask: Option<[u8; 4]>,
    pub payload: Vec<u8>,
    /// The length that the header states, where it is not the payload's.
    pub stated: Option<u64>,
}

impl Frame {
    pub fn new(opcode: u8, payload: impl AsRef<[u8]>) -> Frame {
        Frame {
            fin: true,
            rsv: 0,
            opcode,
            mask: None,
            payload: payload.as_ref().to_vec(),
            stated: None,
        }
    }

    pub fn text(payload: impl AsRef<[u8]>) -> Frame {
        Frame::new(op::TEXT, payload)
    }

    pub fn binary(payload: impl AsRef<[u8]>) -> Frame {
        Frame::new(op::BINARY, payload)
    }

    pub fn continuation(payload: impl AsRef<[u8]>) -> Frame {
        Frame::new(op::CONTINUATION, payload)
    }

    pub fn ping(payload: impl AsRef<[u8]>) -> Frame {
        Frame::new(op::PING, payload)
    }

    pub fn pong(payload: impl AsRef<[u8]>) -> Frame {
        Frame::new(op::PONG, payload)
    }

    pub fn close(code: u16, reason: &str) -> Frame {
        Frame::new(
            op::CLOSE,
            [&code.to_be_bytes()[..], reason.as_bytes()].concat(),
        )
    }

    /// The same, with more fragments to follow.
    pub fn unfinished(self) -> Frame {
        Frame { fin: false, ..self }
    }

    pub fn rsv(self, rsv: u8) -> Frame {
        Frame { rsv, ..self }
    }

    pub fn masked(self, key: [u8; 4]) -> Frame {
        Frame {
            mask: Some(key),
            ..self
        }
    }

    /// The same, with a header that states another length.
    pub fn stating(self, length: u64) -> Frame {
        Frame {
            stated: Some(length),
            ..self
        }
    }

    /// The wire bytes.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![u8::from(self.fin) << 7 | self.rsv << 4 | self.opcode];
        let mask_bit = u8::from(self.mask.is_some()) << 7;
        match self.stated.unwrap_or(self.payload.len() as u64) {
            length @ ..=125 => bytes.push(mask_bit | length as u8),
            length @ ..=0xffff => {
                bytes.push(mask_bit | 126);
                bytes.extend((length as u16).to_be_bytes());
            }
            length => {
                bytes.push(mask_bit | 127);
                bytes.extend(length.to_be_bytes());
            }
        }
        match self.mask {
            None => bytes.extend_from_slice(&self.payload),
            Some(key) => {
                bytes.extend(key);
                bytes.extend(xor(&self.payload, key));
            }
        }
        bytes
    }

    /// Takes the first frame out of `input`, if all of it is there.
    pub fn take(input: &mut Vec<u8>) -> Option<Frame> {
        let (&first, &second) = (input.first()?, input.get(1)?);
        let (length, mut at) = match second & 0x7f {
            126 => (
                u16::from_be_bytes(input.get(2..4)?.try_into().unwrap()) as usize,
                4,
            ),
            127 => (
                u64::from_be_bytes(input.get(2..10)?.try_into().unwrap()) as usize,
                10,
            ),
            length => (length as usize, 2),
        };
        let shortest = [2, 4, 10][usize::from(length > 125) + usize::from(length > 0xffff)];
        assert_eq!(
            at, shortest,
            "a length of {length} not in its shortest form"
        );
        let mut mask = None;
        if second & 0x80 != 0 {
            mask = Some(<[u8; 4]>::try_from(input.get(at..at + 4)?).unwrap());
            at += 4;
        }
        let payload = xor(input.get(at..at + length)?, mask.unwrap_or_default()).collect();
        input.drain(..at + length);
        Some(Frame {
            fin: first & 0x80 != 0,
            rsv: first >> 4 & 7,
            opcode: first & 15,
            mask,
            payload,
            stated: None,
        })
    }

    /// The code and the reason of a close frame; `None` where it has neither.
    pub fn close_code(&self) -> Option<(u16, String)> {
        assert_eq!(self.opcode, op::CLOSE, "not a close frame: {self:?}");
        let code = u16::from_be_bytes(self.payload.get(..2)?.try_into().unwrap());
        Some((code, String::from_utf8(self.payload[2..].to_vec()).unwrap()))
    }
}

fn xor(bytes: &[u8], key: [u8; 4]) -> impl Iterator<Item = u8> {
    bytes
        .iter()
        .zip(key.into_iter().cycle())
        .map(|(byte, key)| byte ^ key)
}

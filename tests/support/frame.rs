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
        Self::try_take(input).unwrap()
    }

    /// The same where the bytes may have suffered.
    pub fn try_take(input: &mut Vec<u8>) -> Result<Option<Frame>, String> {
        let &[first, second, ref rest @ ..] = &input[..] else {
            return Ok(None);
        };
        let (length, size) = match second & 0x7f {
            126 => (
                rest.first_chunk()
                    .map(|size| u16::from_be_bytes(*size).into()),
                2,
            ),
            127 => (rest.first_chunk().map(|size| u64::from_be_bytes(*size)), 8),
            length => (Some(length.into()), 0),
        };
        let Some(length) = length else {
            return Ok(None);
        };
        let shortest = [0, 2, 8][usize::from(length > 125) + usize::from(length > 0xffff)];
        if size != shortest {
            return Err(format!("a length of {length} not in its shortest form"));
        }
        let (mut at, mut mask) = (2 + size, None);
        if second & 0x80 != 0 {
            mask = rest[size..].first_chunk().copied();
            at += 4;
        }
        let end = usize::try_from(length)
            .ok()
            .and_then(|length| at.checked_add(length));
        let Some(end) = end.filter(|end| *end <= input.len()) else {
            return Ok(None);
        };
        let payload = xor(&input[at..end], mask.unwrap_or_default()).collect();
        input.drain(..end);
        Ok(Some(Frame {
            fin: first & 0x80 != 0,
            rsv: first >> 4 & 7,
            opcode: first & 15,
            mask,
            payload,
            stated: None,
        }))
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

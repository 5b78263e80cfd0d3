//! Reading a raw HTTP response head: its status line and its header fields.

/// The most header fields that an answer may have.
pub const MAX_FIELDS: usize = 128;

/// Decides when a head that arrives in pieces is worth parsing: once its empty line
/// may have come, and whenever it has doubled, so that what is no HTTP is told early
/// and a server that sends single bytes does not cost the square of them.
#[derive(Default)]
pub struct HeadWatch {
    seen: usize,
    has_text: bool,
    line_is_empty: bool,
    parse_at: usize,
}

impl HeadWatch {
    /// Takes what was received of the head so far.
    pub fn is_due(&mut self, received: &[u8]) -> bool {
        let ends = self.look_for_end(received);
        let is_due = ends || received.len() >= self.parse_at;
        if is_due {
            self.parse_at = received.len() * 2;
        }
        is_due
    }

    fn look_for_end(&mut self, received: &[u8]) -> bool {
        let new = received.get(self.seen..).unwrap_or_default();
        for (index, byte) in new.iter().enumerate() {
            match byte {
                b'\n' if self.has_text && self.line_is_empty => {
                    self.seen += index + 1;
                    return true;
                }
                b'\n' => self.line_is_empty = true,
                b'\r' => {}
                _ => (self.has_text, self.line_is_empty) = (true, false),
            }
        }
        self.seen = received.len();
        false
    }
}

/// The status line, without its line end.
pub fn status_line(head: &[u8]) -> Option<&[u8]> {
    // Empty lines may come before it (RFC 9112 §2.2).
    let start = head.iter().position(|byte| !b"\r\n".contains(byte))?;
    let head = &head[start..];
    let end = head.iter().position(|byte| *byte == b'\n')?;
    let line = head[..end].strip_suffix(b"\r").unwrap_or(&head[..end]);
    line.starts_with(b"HTTP/").then_some(line)
}

/// The `index`-th header field of the head: name and value.
pub fn header_at(head: &[u8], index: usize) -> Option<(&[u8], &[u8])> {
    with_fields(head, |fields| {
        fields
            .get(index)
            .map(|field| (field.name.as_bytes(), field.value))
    })
}

/// The value of the `index`-th field of that name, in any case of letters.
pub fn header<'a>(head: &'a [u8], name: &str, index: usize) -> Option<&'a [u8]> {
    with_fields(head, |fields| {
        fields
            .iter()
            .filter(|field| field.name.eq_ignore_ascii_case(name))
            .nth(index)
            .map(|field| field.value)
    })
}

/// Text from the network without control characters.
pub fn printable(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes)
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

/// Base64 with padding (RFC 4648 §4).
pub fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |index: usize| u32::from(chunk.get(index).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            text.push(match place <= chunk.len() {
                true => char::from(ALPHABET[(bits >> (18 - 6 * place)) as usize & 63]),
                false => '=',
            });
        }
    }
    text
}

fn with_fields<'a, T>(
    head: &'a [u8],
    find: impl FnOnce(&[httparse::Header<'a>]) -> Option<T>,
) -> Option<T> {
    let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
    let mut response = httparse::Response::new(&mut fields);
    match response.parse(head) {
        Ok(httparse::Status::Complete(_)) => find(response.headers),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &[u8] =
        b"HTTP/1.1 101 Switching Protocols\r\nSet-Cookie: a=b\r\nX: \r\nset-cookie: c=d\r\n\r\n";

    #[test]
    fn a_head_in_single_bytes_is_parsed_a_few_times() {
        for lead in [&b""[..], b"\r\n\r\n\r\n\n\n\n\n\n\n\n"] {
            let head = [lead, HEAD].concat();
            let mut watch = HeadWatch::default();
            let due: Vec<usize> = (1..=head.len())
                .filter(|end| watch.is_due(&head[..*end]))
                .collect();
            assert!(due.len() <= 9, "{due:?}");
            assert_eq!(due.last(), Some(&head.len()), "the end was missed");
        }
    }

    #[test]
    fn base64_pads() {
        for (bytes, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v")] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }

    #[test]
    fn fields_are_found_by_name_and_by_place() {
        assert_eq!(
            status_line(HEAD),
            Some(&b"HTTP/1.1 101 Switching Protocols"[..])
        );
        assert_eq!(header(HEAD, "SET-COOKIE", 1), Some(&b"c=d"[..]));
        assert_eq!(header(HEAD, "Set-Cookie", 2), None);
        assert_eq!(header_at(HEAD, 1), Some((&b"X"[..], &b""[..])));
        assert_eq!(header_at(HEAD, 3), None);
        assert_eq!(header(b"garbage", "x", 0), None);
    }

    #[test]
    fn only_a_response_head_has_a_status_line() {
        let after_empty_lines = b"\r\n\nHTTP/1.0 200\nX: y\n\n";
        assert_eq!(status_line(after_empty_lines), Some(&b"HTTP/1.0 200"[..]));
        for other in [&b""[..], b"\r\n", b"garbage\n", b"HTTP/1.1 101 OK"] {
            assert_eq!(status_line(other), None, "{other:?}");
        }
    }
}

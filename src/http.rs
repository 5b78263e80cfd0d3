//! Reading a raw HTTP response head: its status line and its header fields.

/// The most header fields that an answer may have.
pub const MAX_FIELDS: usize = 128;

/// The status line, without its line end.
pub fn status_line(head: &[u8]) -> Option<&[u8]> {
    let end = head.iter().position(|byte| *byte == b'\n')?;
    let line = &head[..end];
    Some(line.strip_suffix(b"\r").unwrap_or(line))
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
}

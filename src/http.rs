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

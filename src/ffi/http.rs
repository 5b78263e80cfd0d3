//! The response head of a handshake, taken apart for C.

use std::ffi::{c_char, c_void};

use super::boundary::{Out, bytes, c_str, enter};
use super::status::wsc_status_t;
use crate::error::Status;
use crate::http;

/// Where a part of the head goes that C gave.
struct OutBytes {
    data: Out<*const c_void>,
    len: Out<usize>,
}

impl OutBytes {
    /// # Safety
    /// Both pointers are NULL or writable while the `OutBytes` lives.
    unsafe fn new(data: *mut *const c_void, len: *mut usize) -> Result<Self, Status> {
        Ok(OutBytes {
            // SAFETY: the caller's promise is the same.
            data: unsafe { Out::new(data) }?,
            // SAFETY: as above.
            len: unsafe { Out::new(len) }?,
        })
    }

    fn write(&self, part: &[u8]) {
        self.data.write(part.as_ptr().cast());
        self.len.write(part.len());
    }
}

/// Finds a header field by name in the response head of a handshake.
///
/// A pure function of its arguments: it works on the `data` of a
/// WSC_EVENT_HANDSHAKE, or on a copy of it.
///
/// @param head       Borrowed. The head, from the status line to the empty line.
/// @param len        Length of `head` in bytes.
/// @param name       Borrowed. The field's name, NUL-terminated; case does not matter.
/// @param index      Which of the fields of that name, from 0.
/// @param value      Set to the value, without the white space around it. Borrowed:
///                   points into `head`, no NUL follows.
/// @param value_len  Set to its length in bytes.
///
/// @retval WSC_OK             Found.
/// @retval WSC_ERR_NULL       A pointer is NULL (`head` only if `len` is not 0).
/// @retval WSC_ERR_INVALID    `len` is larger than any object.
/// @retval WSC_ERR_UTF8       `name` is not UTF-8.
/// @retval WSC_ERR_NOT_FOUND  There is no such field, or `head` is not a response head.
///
/// @par Threads
/// Any thread, at any time, also in a forked child.
///
/// @since 0.1
/// # Safety
/// `head` is readable for `len` bytes, `name` ends in a NUL, `value` and `value_len` are writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsc_http_header(
    head: *const c_void,
    len: usize,
    name: *const c_char,
    index: usize,
    value: *mut *const c_void,
    value_len: *mut usize,
) -> wsc_status_t {
    enter(|| {
        // SAFETY: the caller's promises are those of the functions.
        let (head, name) = unsafe { (bytes(head, len)?, c_str(name)?) };
        // SAFETY: as above.
        let out = unsafe { OutBytes::new(value, value_len) }?;
        out.write(http::header(head, name, index).ok_or(Status::NotFound)?);
        Ok(())
    })
}

/// Tells the n-th header field of the response head of a handshake.
///
/// A pure function of its arguments, for loops over all fields.
///
/// @param head       Borrowed. The head, from the status line to the empty line.
/// @param len        Length of `head` in bytes.
/// @param index      Which field, from 0.
/// @param name       Set to the field's name. Borrowed: points into `head`, no NUL follows.
/// @param name_len   Set to its length in bytes.
/// @param value      Set to the value, without the white space around it. Borrowed in
///                   the same way.
/// @param value_len  Set to its length in bytes.
///
/// @retval WSC_OK             Found.
/// @retval WSC_ERR_NULL       A pointer is NULL (`head` only if `len` is not 0).
/// @retval WSC_ERR_INVALID    `len` is larger than any object.
/// @retval WSC_ERR_NOT_FOUND  There are not so many fields, or `head` is not a response head.
///
/// @par Threads
/// Any thread, at any time, also in a forked child.
///
/// @since 0.1
/// # Safety
/// `head` is readable for `len` bytes, the other pointers are writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsc_http_header_at(
    head: *const c_void,
    len: usize,
    index: usize,
    name: *mut *const c_void,
    name_len: *mut usize,
    value: *mut *const c_void,
    value_len: *mut usize,
) -> wsc_status_t {
    enter(|| {
        // SAFETY: the caller's promises are those of the functions.
        let (head, out_name, out_value) = unsafe {
            (
                bytes(head, len)?,
                OutBytes::new(name, name_len)?,
                OutBytes::new(value, value_len)?,
            )
        };
        let (name, value) = http::header_at(head, index).ok_or(Status::NotFound)?;
        out_name.write(name);
        out_value.write(value);
        Ok(())
    })
}

/// Tells the status line of the response head of a handshake, such as
/// "HTTP/1.1 101 Switching Protocols".
///
/// A pure function of its arguments.
///
/// @param head      Borrowed. The head, from the status line to the empty line.
/// @param len       Length of `head` in bytes.
/// @param line      Set to the line without its line end. Borrowed: points into
///                  `head`, no NUL follows.
/// @param line_len  Set to its length in bytes.
///
/// @retval WSC_OK             Found.
/// @retval WSC_ERR_NULL       A pointer is NULL (`head` only if `len` is not 0).
/// @retval WSC_ERR_INVALID    `len` is larger than any object.
/// @retval WSC_ERR_NOT_FOUND  `head` is not a response head.
///
/// @par Threads
/// Any thread, at any time, also in a forked child.
///
/// @since 0.1
/// # Safety
/// `head` is readable for `len` bytes, `line` and `line_len` are writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsc_http_status_line(
    head: *const c_void,
    len: usize,
    line: *mut *const c_void,
    line_len: *mut usize,
) -> wsc_status_t {
    enter(|| {
        // SAFETY: the caller's promises are those of the functions.
        let (head, out) = unsafe { (bytes(head, len)?, OutBytes::new(line, line_len)?) };
        out.write(http::status_line(head).ok_or(Status::NotFound)?);
        Ok(())
    })
}

//! TLS: `wsc_conn_set_tls_*` and their kin.

use std::ffi::{c_char, c_void};

use super::boundary::{Handle, bytes, c_str, c_str_or_empty, enter};
use super::conn::wsc_conn_t;
use super::status::wsc_status_t;
use crate::connect::tls::{PinType, TlsSettings, TlsVersion};
use crate::connection::Connection;
use crate::error::Status;

/// A version of TLS. Older ones are never used.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum wsc_tls_version_t {
    /// TLS 1.2.
    WSC_TLS_1_2 = 0x0303,
    /// TLS 1.3.
    WSC_TLS_1_3 = 0x0304,
}

fn version(value: i32) -> Result<TlsVersion, Status> {
    const TLS_1_2: i32 = wsc_tls_version_t::WSC_TLS_1_2 as i32;
    const TLS_1_3: i32 = wsc_tls_version_t::WSC_TLS_1_3 as i32;
    match value {
        TLS_1_2 => Ok(TlsVersion::Tls12),
        TLS_1_3 => Ok(TlsVersion::Tls13),
        _ => Err(Status::Invalid),
    }
}

/// What a pin (`wsc_conn_add_tls_pin`) is the SHA-256 of.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum wsc_pin_type_t {
    /// The server's certificate, in DER.
    WSC_PIN_CERTIFICATE = 1,
    /// Its public key, a SubjectPublicKeyInfo in DER, which may outlive a renewal.
    WSC_PIN_PUBLIC_KEY = 2,
}

fn pin_type(value: i32) -> Result<PinType, Status> {
    const CERTIFICATE: i32 = wsc_pin_type_t::WSC_PIN_CERTIFICATE as i32;
    const PUBLIC_KEY: i32 = wsc_pin_type_t::WSC_PIN_PUBLIC_KEY as i32;
    match value {
        CERTIFICATE => Ok(PinType::Certificate),
        PUBLIC_KEY => Ok(PinType::PublicKey),
        _ => Err(Status::Invalid),
    }
}

fn read_file(path: &str) -> Result<Vec<u8>, Status> {
    std::fs::read(path).map_err(|_| Status::File)
}

/// A name that NULL leaves to the URL.
///
/// # Safety
/// `name` is NULL or ends in a NUL.
unsafe fn tls_name(name: *const c_char) -> Result<Option<String>, Status> {
    const LONGEST: usize = 255;
    if name.is_null() {
        return Ok(None);
    }
    // SAFETY: the caller's promise is the same.
    let name = unsafe { c_str(name) }?;
    match name.len() <= LONGEST {
        true => Ok(Some(name.to_owned())),
        false => Err(Status::Invalid),
    }
}

/// Trusts further certificates, given in PEM.
///
/// Takes effect with the next attempt. They are trusted beside the system's
/// (`wsc_conn_set_tls_system_roots`).
///
/// @param conn  Borrowed. Not NULL.
/// @param pem   Copied. One or more certificates.
/// @param len   Length of `pem` in bytes.
///
/// @retval WSC_OK           Added.
/// @retval WSC_ERR_NULL     `conn` is NULL, or `pem` is NULL and `len` is not 0.
/// @retval WSC_ERR_PEM      `pem` has no certificate, or a malformed one. Nothing was
///                          added.
/// @retval WSC_ERR_INVALID  `len` is larger than any object.
/// @retval WSC_ERR_STATE    The loop was freed.
/// @retval WSC_ERR_FORKED   The connection was made before a fork, in the parent.
///
/// @par Threads
/// Any thread, at any time, also inside a callback.
///
/// @since 0.1
/// # Safety
/// `conn` has not been passed to `wsc_conn_free`; `pem` is readable for `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsc_conn_add_tls_ca(
    conn: *mut wsc_conn_t,
    pem: *const c_void,
    len: usize,
) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let conn = unsafe { Connection::retain(conn) }?;
        // SAFETY: as above.
        let pem = unsafe { bytes(pem, len) }?;
        conn.set_tls(|tls| tls.add_ca(pem))
    })
}

/// Trusts further certificates, from a file in PEM.
///
/// Takes effect with the next attempt. The file is read in this call.
///
/// @param conn  Borrowed. Not NULL.
/// @param path  Copied. NUL-terminated.
///
/// @retval WSC_OK          Added.
/// @retval WSC_ERR_NULL    `conn` or `path` is NULL.
/// @retval WSC_ERR_UTF8    `path` is not UTF-8.
/// @retval WSC_ERR_FILE    The file cannot be read.
/// @retval WSC_ERR_PEM     It has no certificate, or a malformed one. Nothing was
///                         added.
/// @retval WSC_ERR_STATE   The loop was freed.
/// @retval WSC_ERR_FORKED  The connection was made before a fork, in the parent.
///
/// @par Threads
/// Any thread, at any time, also inside a callback.
///
/// @since 0.1
/// # Safety
/// `conn` has not been passed to `wsc_conn_free`; `path` ends in a NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsc_conn_add_tls_ca_file(
    conn: *mut wsc_conn_t,
    path: *const c_char,
) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let conn = unsafe { Connection::retain(conn) }?;
        // SAFETY: as above.
        let pem = read_file(unsafe { c_str(path) }?)?;
        conn.set_tls(|tls| tls.add_ca(&pem))
    })
}

/// Adds lists of revoked certificates.
///
/// Takes effect with the next attempt. From the first list on, a server's certificate
/// is refused if a list names it (WSC_ERR_CERTIFICATE_REVOKED), and also if no list of
/// its issuer covers it (WSC_ERR_CERTIFICATE): one that is not out of date, and is signed by
/// a certificate of `wsc_conn_add_tls_ca`, be that a root or one between. Those between the
/// server's and the root are not looked up, and no list is fetched: give new ones, after
/// `wsc_conn_reset_tls` if the old are to go.
///
/// @param conn  Borrowed. Not NULL.
/// @param data  Copied. One or more lists in PEM, or one in DER.
/// @param len   Length of `data` in bytes.
///
/// @retval WSC_OK           Added.
/// @retval WSC_ERR_NULL     `conn` is NULL, or `data` is NULL and `len` is not 0.
/// @retval WSC_ERR_PEM      `data` has no list, or a malformed one. Nothing was added.
/// @retval WSC_ERR_INVALID  `len` is larger than any object.
/// @retval WSC_ERR_STATE    The loop was freed.
/// @retval WSC_ERR_FORKED   The connection was made before a fork, in the parent.
///
/// @par Threads
/// Any thread, at any time, also inside a callback.
///
/// @since 0.1
/// # Safety
/// `conn` has not been passed to `wsc_conn_free`; `data` is readable for `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsc_conn_add_tls_crl(
    conn: *mut wsc_conn_t,
    data: *const c_void,
    len: usize,
) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let conn = unsafe { Connection::retain(conn) }?;
        // SAFETY: as above.
        let data = unsafe { bytes(data, len) }?;
        conn.set_tls(|tls| tls.add_crl(data))
    })
}

/// Adds lists of revoked certificates, from a file.
///
/// Takes effect with the next attempt, as `wsc_conn_add_tls_crl` does. The file is read
/// in this call.
///
/// @param conn  Borrowed. Not NULL.
/// @param path  Copied. NUL-terminated.
///
/// @retval WSC_OK          Added.
/// @retval WSC_ERR_NULL    `conn` or `path` is NULL.
/// @retval WSC_ERR_UTF8    `path` is not UTF-8.
/// @retval WSC_ERR_FILE    The file cannot be read.
/// @retval WSC_ERR_PEM     It has no list, or a malformed one. Nothing was added.
/// @retval WSC_ERR_STATE   The loop was freed.
/// @retval WSC_ERR_FORKED  The connection was made before a fork, in the parent.
///
/// @par Threads
/// Any thread, at any time, also inside a callback.
///
/// @since 0.1
/// # Safety
/// `conn` has not been passed to `wsc_conn_free`; `path` ends in a NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsc_conn_add_tls_crl_file(
    conn: *mut wsc_conn_t,
    path: *const c_char,
) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let conn = unsafe { Connection::retain(conn) }?;
        // SAFETY: as above.
        let data = read_file(unsafe { c_str(path) }?)?;
        conn.set_tls(|tls| tls.add_crl(&data))
    })
}

/// Sets whether the system's certificates are trusted.
///
/// Takes effect with the next attempt. Without them only those of `wsc_conn_add_tls_ca`
/// are.
///
/// @param conn  Borrowed. Not NULL.
/// @param on    Default true.
///
/// @retval WSC_OK          Set.
/// @retval WSC_ERR_NULL    `conn` is NULL.
/// @retval WSC_ERR_STATE   The loop was freed.
/// @retval WSC_ERR_FORKED  The connection was made before a fork, in the parent.
///
/// @par Threads
/// Any thread, at any time, also inside a callback.
///
/// @since 0.1
/// # Safety
/// `conn` has not been passed to `wsc_conn_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsc_conn_set_tls_system_roots(
    conn: *mut wsc_conn_t,
    on: bool,
) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let conn = unsafe { Connection::retain(conn) }?;
        conn.set_tls(|tls| {
            tls.system_roots = on;
            Ok(())
        })
    })
}

/// Sets the certificate that the client shows, and its key, given in PEM.
///
/// Takes effect with the next attempt. A mistake changes nothing.
///
/// @param conn        Borrowed. Not NULL.
/// @param chain       Copied. The client's certificate, then those that lead to its
///                    authority. May be NULL if `chain_len` is 0: the client shows
///                    none.
/// @param chain_len   Length of `chain` in bytes.
/// @param key         Copied. The key, encrypted or not. May be NULL if `key_len` is 0.
/// @param key_len     Length of `key` in bytes.
/// @param passphrase  Copied. For an encrypted key, NUL-terminated. NULL is an empty
///                    one.
///
/// @retval WSC_OK                Set.
/// @retval WSC_ERR_NULL          `conn` is NULL, or `chain` or `key` is NULL and its
///                               length is not 0.
/// @retval WSC_ERR_INVALID       A length is larger than any object.
/// @retval WSC_ERR_UTF8          `passphrase` is not UTF-8.
/// @retval WSC_ERR_PEM           `chain` or `key` is malformed.
/// @retval WSC_ERR_PASSPHRASE    The key is encrypted, and not with `passphrase`.
/// @retval WSC_ERR_KEY_MISMATCH  The key is not that of the first certificate.
/// @retval WSC_ERR_STATE         The loop was freed.
/// @retval WSC_ERR_FORKED        The connection was made before a fork, in the parent.
///
/// @par Threads
/// Any thread, at any time, also inside a callback.
///
/// @since 0.1
/// # Safety
/// `conn` has not been passed to `wsc_conn_free`; `chain` and `key` are readable for
/// their lengths, `passphrase` is NULL or ends in a NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsc_conn_set_tls_identity(
    conn: *mut wsc_conn_t,
    chain: *const c_void,
    chain_len: usize,
    key: *const c_void,
    key_len: usize,
    passphrase: *const c_char,
) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let conn = unsafe { Connection::retain(conn) }?;
        // SAFETY: as above.
        let (chain, key) = unsafe { (bytes(chain, chain_len)?, bytes(key, key_len)?) };
        // SAFETY: as above.
        let passphrase = unsafe { c_str_or_empty(passphrase) }?;
        conn.set_tls_identity(chain, key, passphrase)
    })
}

/// Sets the certificate that the client shows, and its key, from files in PEM.
///
/// Takes effect with the next attempt. The files are read in this call. A mistake
/// changes nothing.
///
/// @param conn        Borrowed. Not NULL.
/// @param chain_path  Copied. The client's certificate, then those that lead to its
///                    authority. NUL-terminated.
/// @param key_path    Copied. The key; the same file as `chain_path` if it is NULL:
///                    NUL-terminated.
/// @param passphrase  Copied. For an encrypted key, NUL-terminated. NULL is an empty
///                    one.
///
/// @retval WSC_OK                Set.
/// @retval WSC_ERR_NULL          `conn` or `chain_path` is NULL.
/// @retval WSC_ERR_UTF8          An argument is not UTF-8.
/// @retval WSC_ERR_FILE          A file cannot be read.
/// @retval WSC_ERR_PEM           A file is malformed.
/// @retval WSC_ERR_PASSPHRASE    The key is encrypted, and not with `passphrase`.
/// @retval WSC_ERR_KEY_MISMATCH  The key is not that of the first certificate.
/// @retval WSC_ERR_STATE         The loop was freed.
/// @retval WSC_ERR_FORKED        The connection was made before a fork, in the parent.
///
/// @par Threads
/// Any thread, at any time, also inside a callback.
///
/// @since 0.1
/// # Safety
/// `conn` has not been passed to `wsc_conn_free`; `chain_path` ends in a NUL,
/// `key_path` and `passphrase` are NULL or do so.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsc_conn_set_tls_identity_files(
    conn: *mut wsc_conn_t,
    chain_path: *const c_char,
    key_path: *const c_char,
    passphrase: *const c_char,
) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let conn = unsafe { Connection::retain(conn) }?;
        // SAFETY: as above.
        let chain_path = unsafe { c_str(chain_path) }?;
        // SAFETY: as above.
        let (key_path, passphrase) =
            unsafe { (c_str_or_empty(key_path)?, c_str_or_empty(passphrase)?) };
        let key_path = if key_path.is_empty() {
            chain_path
        } else {
            key_path
        };
        conn.set_tls_identity(&read_file(chain_path)?, &read_file(key_path)?, passphrase)
    })
}

/// Sets the certificate that the client shows, and its key, as a PKCS#12 file has them.
///
/// Takes effect with the next attempt. A mistake changes nothing.
///
/// @param conn        Borrowed. Not NULL.
/// @param data        Copied. What the file contains.
/// @param len         Length of `data` in bytes.
/// @param passphrase  Copied. NUL-terminated. NULL is an empty one.
///
/// @retval WSC_OK                Set.
/// @retval WSC_ERR_NULL          `conn` is NULL, or `data` is NULL and `len` is not 0.
/// @retval WSC_ERR_INVALID       `len` is larger than any object.
/// @retval WSC_ERR_UTF8          `passphrase` is not UTF-8.
/// @retval WSC_ERR_PEM           `data` is no PKCS#12, or lacks the certificate or the
///                               key.
/// @retval WSC_ERR_PASSPHRASE    `passphrase` is wrong.
/// @retval WSC_ERR_KEY_MISMATCH  The key is not that of the certificate.
/// @retval WSC_ERR_STATE         The loop was freed.
/// @retval WSC_ERR_FORKED        The connection was made before a fork, in the parent.
///
/// @par Threads
/// Any thread, at any time, also inside a callback.
///
/// @since 0.1
/// # Safety
/// `conn` has not been passed to `wsc_conn_free`; `data` is readable for `len` bytes,
/// `passphrase` is NULL or ends in a NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsc_conn_set_tls_pkcs12(
    conn: *mut wsc_conn_t,
    data: *const c_void,
    len: usize,
    passphrase: *const c_char,
) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let conn = unsafe { Connection::retain(conn) }?;
        // SAFETY: as above.
        let (data, passphrase) = unsafe { (bytes(data, len)?, c_str_or_empty(passphrase)?) };
        conn.set_tls(|tls| tls.set_pkcs12(data, passphrase))
    })
}

/// Sets which versions of TLS may be used.
///
/// Takes effect with the next attempt.
///
/// @param conn  Borrowed. Not NULL.
/// @param min   A `wsc_tls_version_t`. Default WSC_TLS_1_2.
/// @param max   A `wsc_tls_version_t`, not below `min`. Default WSC_TLS_1_3.
///
/// @retval WSC_OK           Set.
/// @retval WSC_ERR_NULL     `conn` is NULL.
/// @retval WSC_ERR_INVALID  An argument is no `wsc_tls_version_t`, or `min` is above
///                          `max`.
/// @retval WSC_ERR_STATE    The loop was freed.
/// @retval WSC_ERR_FORKED   The connection was made before a fork, in the parent.
///
/// @par Threads
/// Any thread, at any time, also inside a callback.
///
/// @since 0.1
/// # Safety
/// `conn` has not been passed to `wsc_conn_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsc_conn_set_tls_versions(
    conn: *mut wsc_conn_t,
    min: i32,
    max: i32,
) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let conn = unsafe { Connection::retain(conn) }?;
        let (min, max) = (version(min)?, version(max)?);
        conn.set_tls(|tls| tls.set_versions(min, max))
    })
}

/// Sets the protocols to offer in TLS (ALPN).
///
/// Takes effect with the next attempt. The server's choice is WSC_REPORT_ALPN.
///
/// @param conn  Borrowed. Not NULL.
/// @param list  Copied. Names of 1 to 255 bytes, separated by commas, NUL-terminated.
///              Empty or NULL: offers none.
///
/// @retval WSC_OK           Set.
/// @retval WSC_ERR_NULL     `conn` is NULL.
/// @retval WSC_ERR_UTF8     `list` is not UTF-8.
/// @retval WSC_ERR_INVALID  A name is empty or too long.
/// @retval WSC_ERR_STATE    The loop was freed.
/// @retval WSC_ERR_FORKED   The connection was made before a fork, in the parent.
///
/// @par Threads
/// Any thread, at any time, also inside a callback.
///
/// @since 0.1
/// # Safety
/// `conn` has not been passed to `wsc_conn_free`; `list` is NULL or ends in a NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsc_conn_set_tls_alpn(
    conn: *mut wsc_conn_t,
    list: *const c_char,
) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let conn = unsafe { Connection::retain(conn) }?;
        // SAFETY: as above.
        let list = unsafe { c_str_or_empty(list) }?;
        conn.set_tls(|tls| tls.set_alpn(list))
    })
}

/// Sets the name that the client sends in the clear (SNI).
///
/// Takes effect with the next attempt. It changes nothing about the name that the
/// certificate must have.
///
/// @param conn  Borrowed. Not NULL.
/// @param name  Copied. NUL-terminated. NULL is the URL's host, empty sends none.
///
/// @retval WSC_OK           Set.
/// @retval WSC_ERR_NULL     `conn` is NULL.
/// @retval WSC_ERR_UTF8     `name` is not UTF-8.
/// @retval WSC_ERR_INVALID  `name` is longer than 255 bytes.
/// @retval WSC_ERR_STATE    The loop was freed.
/// @retval WSC_ERR_FORKED   The connection was made before a fork, in the parent.
///
/// @par Threads
/// Any thread, at any time, also inside a callback.
///
/// @since 0.1
/// # Safety
/// `conn` has not been passed to `wsc_conn_free`; `name` is NULL or ends in a NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsc_conn_set_tls_server_name(
    conn: *mut wsc_conn_t,
    name: *const c_char,
) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let conn = unsafe { Connection::retain(conn) }?;
        // SAFETY: as above.
        let name = unsafe { tls_name(name) }?;
        conn.set_tls(|tls| {
            tls.server_name = name;
            Ok(())
        })
    })
}

/// Sets the name or the address that the certificate must have.
///
/// Takes effect with the next attempt.
///
/// @param conn  Borrowed. Not NULL.
/// @param name  Copied. NUL-terminated. NULL is the URL's host.
///
/// @retval WSC_OK           Set.
/// @retval WSC_ERR_NULL     `conn` is NULL.
/// @retval WSC_ERR_UTF8     `name` is not UTF-8.
/// @retval WSC_ERR_INVALID  `name` is empty, or longer than 255 bytes.
/// @retval WSC_ERR_STATE    The loop was freed.
/// @retval WSC_ERR_FORKED   The connection was made before a fork, in the parent.
///
/// @par Threads
/// Any thread, at any time, also inside a callback.
///
/// @since 0.1
/// # Safety
/// `conn` has not been passed to `wsc_conn_free`; `name` is NULL or ends in a NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsc_conn_set_tls_verify_name(
    conn: *mut wsc_conn_t,
    name: *const c_char,
) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let conn = unsafe { Connection::retain(conn) }?;
        // SAFETY: as above.
        let name = unsafe { tls_name(name) }?;
        if name.as_deref() == Some("") {
            return Err(Status::Invalid);
        }
        conn.set_tls(|tls| {
            tls.verify_name = name;
            Ok(())
        })
    })
}

/// Accepts only a server whose certificate or public key has one of the pins.
///
/// Takes effect with the next attempt. Pins are checked beside everything else, and
/// also where anything else is accepted.
///
/// @param conn      Borrowed. Not NULL.
/// @param pin_type  A `wsc_pin_type_t`.
/// @param sha256    Copied. The SHA-256, 32 bytes.
/// @param len       32.
///
/// @retval WSC_OK           Added.
/// @retval WSC_ERR_NULL     `conn` is NULL, or `sha256` is NULL and `len` is not 0.
/// @retval WSC_ERR_INVALID  `pin_type` is no `wsc_pin_type_t`, or `len` is not 32.
/// @retval WSC_ERR_STATE    The loop was freed.
/// @retval WSC_ERR_FORKED   The connection was made before a fork, in the parent.
///
/// @par Threads
/// Any thread, at any time, also inside a callback.
///
/// @since 0.1
/// # Safety
/// `conn` has not been passed to `wsc_conn_free`; `sha256` is readable for `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsc_conn_add_tls_pin(
    conn: *mut wsc_conn_t,
    pin_type: i32,
    sha256: *const c_void,
    len: usize,
) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let conn = unsafe { Connection::retain(conn) }?;
        let pin_type = self::pin_type(pin_type)?;
        // SAFETY: as above.
        let sha256 = unsafe { bytes(sha256, len) }?;
        conn.set_tls(|tls| tls.add_pin(pin_type, sha256))
    })
}

/// DANGER: accepts every certificate, of anybody, for any name, expired or not.
///
/// Takes effect with the next attempt. Whoever is on the way to the server can then
/// read and change everything. For tests; trust a certificate of your own with
/// `wsc_conn_add_tls_ca` instead. Only pins are still checked.
///
/// @param conn  Borrowed. Not NULL.
/// @param on    Default false.
///
/// @retval WSC_OK          Set.
/// @retval WSC_ERR_NULL    `conn` is NULL.
/// @retval WSC_ERR_STATE   The loop was freed.
/// @retval WSC_ERR_FORKED  The connection was made before a fork, in the parent.
///
/// @par Threads
/// Any thread, at any time, also inside a callback.
///
/// @since 0.1
/// # Safety
/// `conn` has not been passed to `wsc_conn_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsc_conn_set_tls_danger_accept_anything(
    conn: *mut wsc_conn_t,
    on: bool,
) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let conn = unsafe { Connection::retain(conn) }?;
        conn.set_tls(|tls| {
            tls.danger_accept_anything = on;
            Ok(())
        })
    })
}

/// Gives every TLS setting its default again.
///
/// Takes effect with the next attempt.
///
/// @param conn  Borrowed. Not NULL.
///
/// @retval WSC_OK          Done.
/// @retval WSC_ERR_NULL    `conn` is NULL.
/// @retval WSC_ERR_STATE   The loop was freed.
/// @retval WSC_ERR_FORKED  The connection was made before a fork, in the parent.
///
/// @par Threads
/// Any thread, at any time, also inside a callback.
///
/// @since 0.1
/// # Safety
/// `conn` has not been passed to `wsc_conn_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsc_conn_reset_tls(conn: *mut wsc_conn_t) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let conn = unsafe { Connection::retain(conn) }?;
        conn.set_tls(|tls| {
            *tls = TlsSettings::default();
            Ok(())
        })
    })
}

//! Pointers to references, panics to statuses. Nothing else casts.

use std::ffi::{CStr, c_char, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;
use std::sync::Arc;
use std::time::Duration;

use super::status::wsc_status_t;
use super::version::wsc_constant_t::WSC_FOREVER;
use crate::error::Status;

/// Runs an exported function's body. Errors become a status; panics stop here.
pub(crate) fn enter(body: impl FnOnce() -> Result<(), Status>) -> wsc_status_t {
    enter_or(wsc_status_t::WSC_ERR_PANIC, || match body() {
        Ok(()) => wsc_status_t::WSC_OK,
        Err(status) => status.into(),
    })
}

/// The same for a function that has no status to return: a panic becomes `fallback`.
pub(crate) fn enter_or<T>(fallback: T, body: impl FnOnce() -> T) -> T {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(value) => value,
        Err(payload) => {
            // Dropping a payload runs code that may panic again; what that one carries is
            // kept, or there would be no end.
            if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
                std::mem::forget(second);
            }
            fallback
        }
    }
}

/// Pairs a Rust type with the opaque name C knows it by.
pub(crate) trait Handle: Send + Sync + Sized {
    type Opaque;

    /// Gives C one reference; only `release` takes it back.
    fn export(this: Arc<Self>) -> *mut Self::Opaque {
        Arc::into_raw(this).cast_mut().cast()
    }

    /// Adds a reference for the length of a call, so that a callback may free
    /// the handle it was called on.
    ///
    /// # Safety
    /// `handle` is NULL, or came from `export` and was not passed to `release`.
    unsafe fn retain(handle: *const Self::Opaque) -> Result<Arc<Self>, Status> {
        let object = handle.cast::<Self>();
        if object.is_null() {
            return Err(Status::Null);
        }
        // SAFETY: `export` made the pointer with `Arc::into_raw`, and the
        // reference it gave away still stands, so the count is at least one.
        unsafe { Arc::increment_strong_count(object) };
        // SAFETY: this takes over the reference just added.
        Ok(unsafe { Arc::from_raw(object) })
    }

    /// The object without a reference of its own, which costs two atomic operations less:
    /// for calls that are made for each message and run no callback.
    ///
    /// # Safety
    /// As for `retain`, during all of `'a`.
    unsafe fn borrow<'a>(handle: *const Self::Opaque) -> Result<&'a Self, Status>
    where
        Self: 'a,
    {
        // SAFETY: `export` made the pointer, and the reference it gave away still stands.
        unsafe { handle.cast::<Self>().as_ref() }.ok_or(Status::Null)
    }

    /// Takes back the reference that `export` gave; nothing for NULL.
    ///
    /// # Safety
    /// As for `retain`; the handle may not be used again.
    unsafe fn release(handle: *mut Self::Opaque) -> Option<Arc<Self>> {
        let object = NonNull::new(handle.cast::<Self>())?;
        // SAFETY: `export` made the pointer with `Arc::into_raw`, and the caller
        // gives up the reference that came with it.
        Some(unsafe { Arc::from_raw(object.as_ptr()) })
    }
}

/// Where a result goes.
pub(crate) struct Out<T>(NonNull<T>);

impl<T> Out<T> {
    /// # Safety
    /// `place` is NULL or writable for one `T` while the `Out` lives.
    pub(crate) unsafe fn new(place: *mut T) -> Result<Self, Status> {
        NonNull::new(place).map(Out).ok_or(Status::Null)
    }

    pub(crate) fn write(&self, value: T) {
        // SAFETY: `new` was promised a writable place. What it holds is C data,
        // possibly uninitialised, so it is neither read nor dropped.
        unsafe { self.0.as_ptr().write(value) };
    }
}

/// An array that is filled from its beginning.
pub(crate) struct OutArray<T> {
    next: NonNull<T>,
    left: usize,
    written: usize,
}

impl<T> OutArray<T> {
    /// # Safety
    /// `first` is NULL or writable for `len` values while the `OutArray` lives.
    pub(crate) unsafe fn new(first: *mut T, len: usize) -> Result<Self, Status> {
        let next = NonNull::new(first).ok_or(Status::Null)?;
        Ok(OutArray {
            next,
            left: len,
            written: 0,
        })
    }

    /// Writes the next value; one too many is a bug in the library.
    pub(crate) fn push(&mut self, value: T) {
        assert!(self.left > 0, "more results than the caller has room for");
        // SAFETY: `new` was promised `left` writable places from `next` on.
        unsafe { self.next.as_ptr().write(value) };
        // SAFETY: at most one past the last place.
        self.next = unsafe { self.next.add(1) };
        self.left -= 1;
        self.written += 1;
    }

    /// Writes the value anew that was written `back` values ago, 1 being the last.
    pub(crate) fn replace(&mut self, back: usize, value: T) {
        assert!(back > 0 && back <= self.written, "no result to replace");
        // SAFETY: at the first place or after it, and before the next, of an array that
        // `new` was promised to be writable. What it holds is C data and needs no drop.
        unsafe { self.next.sub(back).as_ptr().write(value) };
    }
}

/// Bytes that are filled as far as they go.
pub(crate) struct OutBuffer(Option<OutArray<u8>>);

impl OutBuffer {
    /// # Safety
    /// `buffer` is writable for `size` bytes while the `OutBuffer` lives; NULL only for 0.
    pub(crate) unsafe fn new(buffer: *mut c_void, size: usize) -> Result<Self, Status> {
        match size {
            0 => Ok(OutBuffer(None)),
            // SAFETY: the caller's promise is the same.
            _ => Ok(OutBuffer(Some(unsafe {
                OutArray::new(buffer.cast(), size)
            }?))),
        }
    }

    pub(crate) fn fill(&mut self, data: &[u8]) {
        if let Some(out) = &mut self.0 {
            data.iter().take(out.left).for_each(|byte| out.push(*byte));
        }
    }
}

/// # Safety
/// `data` is NULL or readable for `len` bytes, unchanged during `'a`.
pub(crate) unsafe fn bytes<'a>(data: *const c_void, len: usize) -> Result<&'a [u8], Status> {
    match len {
        0 => Ok(&[]), // `slice::from_raw_parts` may not be given NULL, even for 0 bytes
        _ if data.is_null() => Err(Status::Null),
        _ if len > isize::MAX as usize => Err(Status::Invalid),
        // SAFETY: not NULL, not larger than an object can be, and the caller
        // promises that it is readable.
        _ => Ok(unsafe { std::slice::from_raw_parts(data.cast(), len) }),
    }
}

/// # Safety
/// `text` is NULL or ends in a NUL, unchanged during `'a`.
pub(crate) unsafe fn c_bytes<'a>(text: *const c_char) -> Result<&'a [u8], Status> {
    match text.is_null() {
        true => Err(Status::Null),
        // SAFETY: not NULL, and the caller promises the NUL at its end.
        false => Ok(unsafe { CStr::from_ptr(text) }.to_bytes()),
    }
}

/// # Safety
/// As for `c_bytes`.
pub(crate) unsafe fn c_str<'a>(text: *const c_char) -> Result<&'a str, Status> {
    // SAFETY: the caller's promise is the same.
    let bytes = unsafe { c_bytes(text) }?;
    std::str::from_utf8(bytes).map_err(|_| Status::Utf8)
}

/// The same, where NULL means the empty string.
///
/// # Safety
/// As for `c_bytes`.
pub(crate) unsafe fn c_str_or_empty<'a>(text: *const c_char) -> Result<&'a str, Status> {
    match text.is_null() {
        true => Ok(""),
        // SAFETY: the caller's promise is the same.
        false => unsafe { c_str(text) },
    }
}

/// Writes `text` and a NUL, or nothing at all.
///
/// # Safety
/// `buffer` is NULL or writable for `size` bytes.
pub(crate) unsafe fn write_c_str(
    buffer: *mut c_char,
    size: usize,
    text: &str,
) -> Result<(), Status> {
    // SAFETY: the caller's promise is the same.
    let mut out = unsafe { OutArray::new(buffer.cast::<u8>(), size) }?;
    if text.len() >= size {
        return Err(Status::TooBig);
    }
    text.bytes().chain([0]).for_each(|byte| out.push(byte));
    Ok(())
}

/// A time that C gave in milliseconds; `None` is for ever.
pub(crate) fn timeout(ms: i32) -> Result<Option<Duration>, Status> {
    match u64::try_from(ms) {
        Ok(ms) => Ok(Some(Duration::from_millis(ms))),
        Err(_) if ms == WSC_FOREVER as i32 => Ok(None),
        Err(_) => Err(Status::Invalid),
    }
}

/// The same where "never" makes no sense.
pub(crate) fn delay(ms: i32) -> Result<Duration, Status> {
    timeout(ms)?.ok_or(Status::Invalid)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ptr;
    use std::sync::atomic::{AtomicUsize, Ordering};

    struct Counted<'a>(&'a AtomicUsize);

    impl Drop for Counted<'_> {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    struct Opaque;

    impl Handle for Counted<'_> {
        type Opaque = Opaque;
    }

    #[test]
    fn a_handle_is_dropped_with_its_last_reference() {
        let drops = AtomicUsize::new(0);
        let handle = Handle::export(Arc::new(Counted(&drops)));
        // SAFETY: `handle` was just exported, and is released once.
        let during_a_call = unsafe { Counted::retain(handle) }.unwrap();
        // SAFETY: as above.
        drop(unsafe { Counted::release(handle) });
        assert_eq!(drops.load(Ordering::SeqCst), 0);
        drop(during_a_call);
        assert_eq!(drops.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn null_is_refused_or_ignored() {
        // SAFETY: every function here takes NULL.
        unsafe {
            assert_eq!(Counted::retain(ptr::null()).err(), Some(Status::Null));
            assert!(Counted::release(ptr::null_mut()).is_none());
            assert_eq!(bytes(ptr::null(), 0), Ok(&[][..]));
            assert_eq!(bytes(ptr::null(), 1), Err(Status::Null));
            assert_eq!(c_bytes(ptr::null()), Err(Status::Null));
            assert_eq!(c_str(ptr::null()), Err(Status::Null));
            assert_eq!(c_str_or_empty(ptr::null()), Ok(""));
            assert_eq!(write_c_str(ptr::null_mut(), 64, "text"), Err(Status::Null));
            assert!(Out::<u8>::new(ptr::null_mut()).is_err());
        }
    }

    #[test]
    fn sizes_no_object_can_have_are_refused() {
        let byte = 7_u8;
        let data = (&raw const byte).cast();
        // SAFETY: one byte is readable, and the huge length is refused unread.
        unsafe {
            assert_eq!(bytes(data, 1), Ok(&[7][..]));
            assert_eq!(bytes(data, usize::MAX), Err(Status::Invalid));
        }
    }

    #[test]
    fn text_must_be_utf8() {
        // SAFETY: both end in a NUL.
        unsafe {
            assert_eq!(c_str(c"h\u{f6}".as_ptr()), Ok("h\u{f6}"));
            assert_eq!(c_str(c"\xff".as_ptr()), Err(Status::Utf8));
        }
    }

    #[test]
    fn text_is_written_whole_or_not_at_all() {
        let mut buffer = [1 as c_char; 5];
        // SAFETY: five bytes are writable.
        unsafe {
            assert_eq!(
                write_c_str(buffer.as_mut_ptr(), 4, "text"),
                Err(Status::TooBig)
            );
            assert_eq!(write_c_str(buffer.as_mut_ptr(), 0, ""), Err(Status::TooBig));
            assert_eq!(buffer, [1; 5]);
            assert_eq!(write_c_str(buffer.as_mut_ptr(), 5, "text"), Ok(()));
            assert_eq!(CStr::from_ptr(buffer.as_ptr()), c"text");
        }
    }

    #[test]
    fn an_array_is_filled_in_order_and_not_beyond() {
        let mut array = [0_u32; 3];
        // SAFETY: two of the three places are lent.
        let mut out = unsafe { OutArray::new(array.as_mut_ptr(), 2) }.unwrap();
        out.push(1);
        out.push(2);
        assert!(enter_or(true, || {
            out.push(3);
            false
        }));
        assert_eq!(array, [1, 2, 0]);
    }

    #[test]
    fn times_convert() {
        assert_eq!(timeout(-1), Ok(None));
        assert_eq!(timeout(0), Ok(Some(Duration::ZERO)));
        assert_eq!(
            timeout(i32::MAX),
            Ok(Some(Duration::from_millis(2_147_483_647)))
        );
        assert_eq!(timeout(-2), Err(Status::Invalid));
        assert_eq!(timeout(i32::MIN), Err(Status::Invalid));
        assert_eq!(delay(0), Ok(Duration::ZERO));
        assert_eq!(delay(-1), Err(Status::Invalid));
    }

    #[test]
    fn panics_become_a_status() {
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                // Carries nothing that could leak.
                std::panic::panic_any(());
            }
        }
        assert_eq!(enter(|| Ok(())), wsc_status_t::WSC_OK);
        assert_eq!(enter(|| Err(Status::Url)), wsc_status_t::WSC_ERR_URL);
        assert_eq!(enter(|| panic!("boom")), wsc_status_t::WSC_ERR_PANIC);
        assert_eq!(
            enter(|| std::panic::panic_any(Bomb)),
            wsc_status_t::WSC_ERR_PANIC
        );
    }
}

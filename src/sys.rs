//! Safe wrappers over what is special to the operating system: the outer
//! readiness level, the timer, fork detection, signals, raw descriptors.
#![allow(unsafe_code)]

use std::cell::Cell;
use std::io;
use std::ops::{Deref, DerefMut};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, Once, OnceLock, TryLockError};
use std::time::{Duration, Instant};

fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    match result {
        -1 => Err(io::Error::last_os_error()),
        value => Ok(value),
    }
}

/// Takes ownership of a descriptor that a system call has just returned.
fn own(result: libc::c_int) -> io::Result<OwnedFd> {
    let fd = check(result)?;
    // SAFETY: the call succeeded, so `fd` is open and nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// A level-triggered epoll over a few descriptors: the fd the host watches.
pub struct Outer(OwnedFd);

impl Outer {
    pub fn new(watched: &[RawFd]) -> io::Result<Self> {
        // SAFETY: no pointers.
        let outer = own(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })?;
        for fd in watched {
            let mut event = libc::epoll_event {
                events: libc::EPOLLIN as u32,
                u64: 0,
            };
            // SAFETY: `event` lives for the call; both descriptors are open.
            check(unsafe {
                libc::epoll_ctl(outer.as_raw_fd(), libc::EPOLL_CTL_ADD, *fd, &mut event)
            })?;
        }
        Ok(Outer(outer))
    }

    pub fn fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

/// A flag that makes a descriptor readable while it is up.
pub struct Signal(OwnedFd);

impl Signal {
    pub fn new() -> io::Result<Self> {
        // SAFETY: no pointers.
        own(unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) }).map(Signal)
    }

    pub fn fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }

    /// Raises the flag. Writing again to a raised flag is a new edge for an
    /// edge-triggered watcher.
    pub fn raise(&self) {
        let one = 1u64;
        // SAFETY: 8 readable bytes. A full counter is already readable.
        unsafe { libc::write(self.fd(), (&raw const one).cast(), 8) };
    }

    pub fn lower(&self) {
        let mut count = 0u64;
        // SAFETY: 8 writable bytes. An empty counter is what is wanted.
        unsafe { libc::read(self.fd(), (&raw mut count).cast(), 8) };
    }
}

/// Fails where the process can have no further descriptor.
pub fn check_descriptors() -> io::Result<()> {
    Signal::new().map(drop)
}

/// A one-shot timer whose descriptor becomes readable when it expires.
pub struct Timer(OwnedFd);

impl Timer {
    pub fn new() -> io::Result<Self> {
        // SAFETY: no pointers.
        own(unsafe {
            libc::timerfd_create(
                libc::CLOCK_MONOTONIC,
                libc::TFD_CLOEXEC | libc::TFD_NONBLOCK,
            )
        })
        .map(Timer)
    }

    pub fn fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }

    /// Sets the only expiry, replacing an earlier one and its readability.
    pub fn set(&self, after: Duration) {
        // An all-zero value would disarm the timer.
        let after = after.max(Duration::from_nanos(1));
        let value = libc::itimerspec {
            it_interval: libc::timespec {
                tv_sec: 0,
                tv_nsec: 0,
            },
            it_value: libc::timespec {
                tv_sec: after.as_secs().try_into().unwrap_or(libc::time_t::MAX),
                tv_nsec: after.subsec_nanos() as _,
            },
        };
        // SAFETY: `value` lives for the call; the old value is not asked for.
        unsafe { libc::timerfd_settime(self.fd(), 0, &value, std::ptr::null_mut()) };
    }
}

/// Waits until `fd` is readable, for ever. A signal is not a reason to return.
pub fn wait_readable(fd: RawFd) {
    let mut poll = libc::pollfd {
        fd,
        events: libc::POLLIN,
        revents: 0,
    };
    loop {
        // SAFETY: one valid pollfd.
        let result = unsafe { libc::poll(&mut poll, 1, -1) };
        if result != -1 || io::Error::last_os_error().kind() != io::ErrorKind::Interrupted {
            return;
        }
    }
}

/// Runs `spawn` with every signal blocked, so that a thread started in it
/// never runs a handler of the host.
fn with_signals_blocked<T>(spawn: impl FnOnce() -> T) -> T {
    // SAFETY: both sets are plain data that the calls fill or read.
    unsafe {
        let mut all: libc::sigset_t = std::mem::zeroed();
        let mut before: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&mut all);
        libc::pthread_sigmask(libc::SIG_SETMASK, &all, &mut before);
        let result = spawn();
        libc::pthread_sigmask(libc::SIG_SETMASK, &before, std::ptr::null_mut());
        result
    }
}

static GENERATION: AtomicU64 = AtomicU64::new(0);

extern "C" fn after_fork_in_child() {
    GENERATION.fetch_add(1, Ordering::Relaxed);
    // The threads that were inside exist in the parent only.
    INSIDE.store(DEPTH.get(), Ordering::Relaxed);
}

/// Counts the forks between this process and the first one that asked. What
/// was made in another generation belongs to another process.
pub fn fork_generation() -> u64 {
    GENERATION.load(Ordering::Relaxed)
}

/// Starts counting forks. Must succeed before anything remembers a generation. Without a
/// lock, which a fork could leave taken in the child: two threads that come first at the same
/// time count each fork twice, which is as good.
pub fn watch_forks() -> io::Result<()> {
    static IS_WATCHING: AtomicBool = AtomicBool::new(false);
    if IS_WATCHING.load(Ordering::Acquire) {
        return Ok(());
    }
    // SAFETY: the handler only touches atomics and a thread-local without a destructor,
    // which is safe after fork.
    let error = unsafe { libc::pthread_atfork(None, None, Some(after_fork_in_child)) };
    if error != 0 {
        return Err(io::Error::from_raw_os_error(error));
    }
    IS_WATCHING.store(true, Ordering::Release);
    Ok(())
}

/// Closes a descriptor that a forked child inherited and whose owner, in the
/// parent's memory image, will never be dropped.
pub fn close_inherited(fd: RawFd) {
    // SAFETY: called once per descriptor by the child, whose owner object is leaked.
    unsafe { libc::close(fd) };
}

/// A descriptor of our own for one that somebody else has open.
pub fn duplicate(fd: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: no pointers; a number that is no open descriptor is refused.
    own(unsafe { libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, 3) })
}

/// The number of a network interface.
pub fn interface_index(name: &str) -> Option<u32> {
    let name = std::ffi::CString::new(name).ok()?;
    // SAFETY: a string with a NUL at its end.
    let index = unsafe { libc::if_nametoindex(name.as_ptr()) };
    (index != 0).then_some(index)
}

thread_local! {
    static IS_LIBRARY_THREAD: Cell<bool> = const { Cell::new(false) };
}

/// Makes the kernel's table of descriptors large while it is quick. In a process of several
/// threads it grows, to twice its size, only after a grace period of RCU: whoever opens the
/// socket stands still for about ten milliseconds.
fn reserve_descriptors() {
    /// Where the limit is higher. An entry takes eight bytes.
    const MOST: libc::rlim_t = 16_384;
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: `limit` is filled by the call.
    let result = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) };
    if let (0, Ok(signal)) = (result, Signal::new()) {
        let last = limit.rlim_cur.min(MOST).saturating_sub(1) as libc::c_int;
        // SAFETY: no pointers, and an int, as the command asks for. What is refused reserves
        // nothing.
        let _ = own(unsafe { libc::fcntl(signal.fd(), libc::F_DUPFD_CLOEXEC, last) });
    }
}

/// Whether this is the only thread, as far as /proc tells: each is a directory there.
fn is_single_threaded() -> bool {
    std::fs::metadata("/proc/self/task").is_ok_and(|tasks| tasks.nlink() == 3)
}

/// Starts a thread of the library: named, with every signal blocked.
pub fn spawn(
    name: &str,
    run: impl FnOnce() + Send + 'static,
) -> io::Result<std::thread::JoinHandle<()>> {
    if is_single_threaded() {
        reserve_descriptors();
    }
    let thread = std::thread::Builder::new().name(name.into());
    with_signals_blocked(|| {
        thread.spawn(move || {
            IS_LIBRARY_THREAD.set(true);
            run();
        })
    })
}

/// Names the calling thread. `std::thread::current` would allocate on threads
/// of the host.
pub fn thread_id() -> usize {
    // SAFETY: no arguments, cannot fail.
    unsafe { libc::pthread_self() as usize }
}

/// Threads inside the TLS library, and library threads at work.
static INSIDE: AtomicUsize = AtomicUsize::new(0);
/// The thread that ends the process, 0 before.
static EXITING: AtomicUsize = AtomicUsize::new(0);
/// It waits for nobody any more.
static IS_OVER: AtomicBool = AtomicBool::new(false);
/// TLS was used, so that an end of the process will be told.
static IS_WATCHED: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// How many `Inside` this thread has.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}

/// Marks that a thread does what the end of the process waits for.
pub struct Inside(());

impl Inside {
    /// At exit the C library frees OpenSSL's state. A library thread that comes too late
    /// parks for good; one that is at work finishes first, so as to park without a lock.
    fn enter() -> Self {
        INSIDE.fetch_add(1, Ordering::SeqCst);
        let depth = DEPTH.get() + 1;
        DEPTH.set(depth);
        let inside = Inside(());
        let exiting = EXITING.load(Ordering::SeqCst);
        let must_park = exiting != 0
            && exiting != thread_id()
            && IS_LIBRARY_THREAD.get()
            && (depth == 1 || IS_OVER.load(Ordering::SeqCst));
        if must_park {
            drop(inside);
            loop {
                std::thread::park();
            }
        }
        inside
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get() - 1);
        INSIDE.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Enters the TLS library.
pub fn enter_tls() -> Inside {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        // SAFETY: a plain function that stays mapped: the library is linked with
        // `-z nodelete`, and so must be what the static one is linked into, says docs/abi.md.
        unsafe { libc::atexit(wait_for_threads) };
        IS_WATCHED.store(true, Ordering::SeqCst);
    });
    Inside::enter()
}

/// Begins a piece of work that may enter the TLS library with locks taken. Only threads of
/// the library can be made to stay away from it.
pub fn enter_work() -> Option<Inside> {
    let counts = IS_LIBRARY_THREAD.get() && IS_WATCHED.load(Ordering::Relaxed);
    counts.then(Inside::enter)
}

/// Something of the TLS library's, which is entered to drop it.
pub struct OfTls<T> {
    value: T,
    /// Dropped after the value.
    inside: Option<Inside>,
}

impl<T> OfTls<T> {
    pub fn new(value: T) -> Self {
        OfTls {
            value,
            inside: None,
        }
    }
}

impl<T> Drop for OfTls<T> {
    fn drop(&mut self) {
        self.inside = Some(enter_tls());
    }
}

impl<T> Deref for OfTls<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> DerefMut for OfTls<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

/// Whether the process is ending and threads may have parked: no lock can be
/// waited for any more, but with `lock_at_exit`.
pub fn is_exiting() -> bool {
    EXITING.load(Ordering::Relaxed) != 0
}

/// How long an end of the process waits, all in all: once for threads, once for locks.
const PATIENCE: Duration = Duration::from_millis(100);
/// When it stops waiting for locks.
static OUT_OF_PATIENCE: OnceLock<Instant> = OnceLock::new();

extern "C" fn wait_for_threads() {
    EXITING.store(thread_id(), Ordering::SeqCst);
    let until = Instant::now() + PATIENCE;
    while INSIDE.load(Ordering::SeqCst) > DEPTH.get() && Instant::now() < until {
        std::thread::sleep(Duration::from_micros(100));
    }
    IS_OVER.store(true, Ordering::SeqCst);
}

/// Takes a lock while the process ends, unless a thread that has parked holds it.
pub fn lock_at_exit<T>(mutex: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    let until = *OUT_OF_PATIENCE.get_or_init(|| Instant::now() + PATIENCE);
    loop {
        match mutex.try_lock() {
            Ok(guard) => return Some(guard),
            Err(TryLockError::Poisoned(poisoned)) => return Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) if Instant::now() >= until => return None,
            Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(1)),
        }
    }
}

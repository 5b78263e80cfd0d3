//! What a host program does with the loop's fd, and what the process is made of.

use std::io::{self, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use super::programs::Directory;

/// Waits in `select`, as PHP does; whether `fd` became readable.
pub fn readable(fd: RawFd, timeout: Duration) -> bool {
    assert!(
        (fd as usize) < libc::FD_SETSIZE,
        "select cannot watch fd {fd}"
    );
    let deadline = Instant::now() + timeout;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let mut left = libc::timeval {
            tv_sec: left.as_secs() as _,
            tv_usec: left.subsec_micros() as _,
        };
        // SAFETY: the set and the time are ours, and fd fits into the set.
        let ready = unsafe {
            let mut set: libc::fd_set = std::mem::zeroed();
            libc::FD_SET(fd, &mut set);
            let null = std::ptr::null_mut;
            libc::select(fd + 1, &mut set, null(), null(), &mut left)
        };
        if ready >= 0 {
            return ready == 1;
        }
    }
}

/// Makes a system call again that a stop of the process has ended: one on a socket with a timeout
/// is not restarted by the kernel.
pub fn uninterrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// Whether the socket takes more bytes within `timeout`.
pub fn writable(socket: &impl AsRawFd, timeout: Duration) -> bool {
    poll(socket, libc::POLLOUT, timeout)
}

/// Whether the other end closed the connection within `timeout`; reads nothing.
pub fn hung_up(socket: &impl AsRawFd, timeout: Duration) -> bool {
    poll(socket, libc::POLLRDHUP, timeout)
}

fn poll(socket: &impl AsRawFd, events: i16, timeout: Duration) -> bool {
    let mut entry = libc::pollfd {
        fd: socket.as_raw_fd(),
        events,
        revents: 0,
    };
    // SAFETY: one entry, which is ours.
    unsafe { libc::poll(&mut entry, 1, timeout.as_millis() as i32) == 1 }
}

pub fn set_option(socket: &impl AsRawFd, option: i32, value: i32) {
    // SAFETY: the option's value is a 4-byte integer, as the length says.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            option,
            (&raw const value).cast(),
            4,
        )
    };
    assert_eq!(result, 0);
}

/// A host whose event loop watches `fd` edge-triggered, as Go and tokio do.
pub struct EdgeWatch(OwnedFd);

impl EdgeWatch {
    pub fn new(fd: RawFd) -> EdgeWatch {
        let mut event = libc::epoll_event {
            events: (libc::EPOLLIN | libc::EPOLLET) as u32,
            u64: 0,
        };
        // SAFETY: the new fd is ours alone; the event is only read.
        unsafe {
            let epoll = OwnedFd::from_raw_fd(libc::epoll_create1(libc::EPOLL_CLOEXEC));
            assert_eq!(
                libc::epoll_ctl(epoll.as_raw_fd(), libc::EPOLL_CTL_ADD, fd, &mut event),
                0
            );
            EdgeWatch(epoll)
        }
    }

    /// Waits for the next edge.
    pub fn wait(&self, timeout: Duration) -> bool {
        let mut event = libc::epoll_event { events: 0, u64: 0 };
        // SAFETY: there is room for the one event that is asked for.
        unsafe {
            libc::epoll_wait(
                self.0.as_raw_fd(),
                &mut event,
                1,
                timeout.as_millis() as i32,
            ) == 1
        }
    }
}

/// The processor time that this process has used.
pub fn cpu_time() -> Duration {
    // SAFETY: the result is ours to write.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        assert_eq!(libc::getrusage(libc::RUSAGE_SELF, &mut usage), 0);
        usage
    };
    let time = |time: libc::timeval| Duration::new(time.tv_sec as u64, time.tv_usec as u32 * 1000);
    time(usage.ru_utime) + time(usage.ru_stime)
}

/// The threads of this process.
pub fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").unwrap().count()
}

/// The file descriptors of this process.
pub fn open_fds() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count() - 1 // less the one that reads
}

/// The memory of this process that is in RAM.
pub fn resident_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

/// The memory that this process has from the C library's allocator, Rust's and OpenSSL's
/// alike. The address sanitizer has another allocator; with it this is 0.
pub fn allocated_bytes() -> usize {
    // SAFETY: no arguments.
    let info = unsafe { libc::mallinfo2() };
    info.uordblks + info.hblkhd
}

/// Raises the soft limit of open files to the hard one.
pub fn raise_fd_limit() {
    // SAFETY: the limit is ours.
    unsafe {
        let mut limit: libc::rlimit = std::mem::zeroed();
        assert_eq!(libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit), 0);
        limit.rlim_cur = limit.rlim_max;
        assert_eq!(libc::setrlimit(libc::RLIMIT_NOFILE, &limit), 0);
    }
}

const ALONE: &str = "WSC_TEST_ALONE";

fn is_alone(name: &str) -> bool {
    std::env::var(ALONE).is_ok_and(|alone| alone == name)
}

/// Runs a test in a process of its own, for those that count threads, file
/// descriptors or memory. `name` is the test's own.
pub fn alone(name: &str, test: impl FnOnce() + Send + 'static) {
    if is_alone(name) {
        return super::bounded(test);
    }
    run_alone(name, Command::new(std::env::current_exe().unwrap()));
}

/// Says that the machine does not allow a test, and what it said.
pub fn skip(name: &str, why: &str, probe: &Output) {
    let said = String::from_utf8_lossy(&probe.stderr);
    let line = format!("{name} skipped: {why}: {}\n", said.trim());
    // Past the harness, which would keep it to itself.
    std::io::stderr().write_all(line.as_bytes()).unwrap();
}

/// The same, and hands the system calls of that name over to `check`, one a line as
/// strace has them, without the data. Skipped where the system does not let it trace.
pub fn traced(name: &str, call: &str, test: impl FnOnce() + Send + 'static, check: fn(&str)) {
    if is_alone(name) {
        return super::bounded(test);
    }
    let directory = Directory::new(&format!("trace-{name}"));
    let strace = || Command::new("strace");
    let probe = strace().args(["-o", "/dev/null", "true"]).output().unwrap();
    if !probe.status.success() {
        return skip(name, "no strace here", &probe);
    }
    let mut command = strace();
    command
        .args(["-ff", "-qq", "-s", "0", "-e", "signal=none", "-e"])
        .arg(format!("trace={call}"))
        .arg("-o")
        .arg(directory.path().join("thread"))
        .arg(std::env::current_exe().unwrap())
        // A sanitizer looks for leaks as a tracer itself, and there can be only one.
        .env("LSAN_OPTIONS", "detect_leaks=0");
    run_alone(name, command);
    // In one file the calls of several threads would cut each other in two.
    let files = std::fs::read_dir(directory.path()).unwrap();
    let threads = files.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap());
    check(&threads.collect::<String>());
}

fn run_alone(name: &str, mut command: Command) {
    let output = command
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env(ALONE, name)
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}; `scripts/setup test` installs it"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let stdout = text(&output.stdout);
    assert!(
        output.status.success(),
        "{}: {stdout}\n{}",
        output.status,
        text(&output.stderr)
    );
    assert!(
        stdout.contains("1 passed"),
        "no test is named {name}: {stdout}"
    );
    print!("{stdout}");
}

//! Programs of the system that a test runs as its servers.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::DEADLINE;

/// A program that listens on a port, ended with this.
pub struct Program {
    pub child: Child,
    pub address: SocketAddr,
    command: Command,
}

impl Program {
    /// A port that nobody has now.
    pub fn free_address() -> SocketAddr {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        free.local_addr().unwrap()
    }

    /// Runs what `command` makes for a free port, and waits until it listens.
    pub fn listening(command: impl FnOnce(SocketAddr) -> Command) -> Program {
        let address = Self::free_address();
        let mut command = command(address);
        let child = command
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| {
                let program = command.get_program().display();
                panic!("{program}: {error}; `scripts/setup test` installs it")
            });
        let mut program = Program {
            child,
            address,
            command,
        };
        program.until(|| TcpStream::connect(address).is_ok());
        program
    }

    /// Waits until it listens: at a further place, if there are several.
    pub fn until(&mut self, listens: impl Fn() -> bool) {
        let command = &self.command;
        let deadline = Instant::now() + DEADLINE;
        while !listens() {
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("{command:?} ended: {status}");
            }
            assert!(Instant::now() < deadline, "{command:?} does not listen");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A directory for one test's files, removed with this.
pub struct Directory(PathBuf);

impl Directory {
    pub fn new(name: &str) -> Directory {
        let path = std::env::temp_dir().join(format!("wsc-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Directory(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn file(&self, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, contents).unwrap();
        path
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

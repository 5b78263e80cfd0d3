//! Programs of the system that a test runs as its servers.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

use super::DEADLINE;

/// A port of every local address that the kernel gives to nobody while this lives, since it
/// is taken. A program that says SO_REUSEADDR, as servers do, may listen on it nevertheless.
pub struct FreePort {
    pub address: SocketAddr,
    _kept: Socket,
}

impl FreePort {
    pub fn new() -> FreePort {
        let socket = Socket::new(Domain::IPV6, Type::STREAM, None).unwrap();
        socket.set_only_v6(false).unwrap();
        socket.set_reuse_address(true).unwrap();
        let any = SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0));
        socket.bind(&any.into()).unwrap();
        let bound = socket.local_addr().unwrap().as_socket().unwrap();
        FreePort {
            address: (Ipv4Addr::LOCALHOST, bound.port()).into(),
            _kept: socket,
        }
    }
}

/// A program that listens on a port, ended with this.
pub struct Program {
    pub child: Child,
    pub address: SocketAddr,
    command: Command,
    _port: FreePort,
}

impl Program {
    /// Runs what `command` makes for a free port, and waits until it listens.
    pub fn listening(command: impl FnOnce(SocketAddr) -> Command) -> Program {
        let port = FreePort::new();
        let address = port.address;
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
            _port: port,
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

//! The DNS phase: the system's resolver, on a helper thread.

use std::net::{SocketAddr, ToSocketAddrs};

use crate::config::{Host, Url};
use crate::error::{Failure, Status};

/// The addresses of a host that needs no look-up.
pub fn literal(url: &Url) -> Option<Vec<SocketAddr>> {
    match url.host {
        Host::Address(address) => Some(vec![SocketAddr::new(address, url.port)]),
        Host::Name(_) => None,
    }
}

/// Asks the resolver. Blocks; for helper threads.
pub fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, Failure> {
    let addresses = match (host, port).to_socket_addrs() {
        Ok(addresses) => addresses.collect::<Vec<_>>(),
        Err(error) => return Err(Failure::new(Status::Dns, format!("{host}: {error}"))),
    };
    match addresses.is_empty() {
        true => Err(Failure::new(Status::Dns, format!("{host} has no address"))),
        false => Ok(addresses),
    }
}

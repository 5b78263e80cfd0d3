//! The DNS phase: the system's resolver, on a helper thread.

use std::net::{IpAddr, SocketAddr, SocketAddrV6, ToSocketAddrs};

use socket2::SockAddr;

use crate::config::{Config, Host, Proxy};
use crate::error::{Failure, Status};
use crate::helpers::{Addresses, Name};
use crate::sys;

/// The socket to connect to, or the name to ask the resolver for.
pub enum Hop {
    Known(SockAddr),
    Name(Name),
}

impl Hop {
    /// What an attempt connects to first.
    pub fn first(config: &Config, proxy: Option<&Proxy>) -> Result<Self, Failure> {
        let url = &config.url;
        if let Some(path) = &url.unix {
            return Ok(Hop::Known(SockAddr::unix(path)?));
        }
        let (host, port) = match proxy {
            Some(proxy) => (&proxy.host, proxy.port),
            None => (&url.host, url.port),
        };
        Ok(match (host, &url.zone) {
            (Host::Name(name), _) => Hop::Name((name.clone(), port)),
            (Host::Address(IpAddr::V6(address)), Some(zone)) if proxy.is_none() => {
                let Some(scope) = sys::interface_index(zone) else {
                    let text = format!("there is no network interface {zone}");
                    return Err(Failure::new(Status::Unreachable, text));
                };
                Hop::Known(SocketAddr::from(SocketAddrV6::new(*address, port, 0, scope)).into())
            }
            (Host::Address(address), _) => Hop::Known(SocketAddr::new(*address, port).into()),
        })
    }
}

/// The addresses of a name. Blocks, so that is for helper threads.
pub fn resolve((name, port): &Name) -> Addresses {
    let addresses: Vec<SockAddr> = match (name.as_str(), *port).to_socket_addrs() {
        Ok(addresses) => addresses.map(SockAddr::from).collect(),
        Err(error) => return Err(Failure::new(Status::Dns, format!("{name}: {error}"))),
    };
    match addresses.is_empty() {
        true => Err(Failure::new(Status::Dns, format!("{name} has no address"))),
        false => Ok(addresses),
    }
}

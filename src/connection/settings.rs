//! The settings of a connection. Unless noted they are read when the next attempt begins.

use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::config::{
    BinaryType, Config, Deflate, MAX_WINDOW_BITS, MIN_WINDOW_BITS, Proxy, ProxyChoice,
    ProxyEnvironment, Url,
};
use crate::connect::tls::TlsSettings;
use crate::error::{Phase, Status};
use crate::event::MessageType;
use crate::reconnect::ReconnectPolicy;

use super::Connection;
use super::attempts::Attempt;
use super::sending::copy;

impl Connection {
    fn configure(
        &self,
        change: impl FnOnce(&mut Config) -> Result<(), Status>,
    ) -> Result<(), Status> {
        change(&mut self.enter()?.config)
    }

    pub fn set_url(&self, url: &str) -> Result<(), Status> {
        let url = Url::parse(url)?;
        self.configure(|config| {
            config.url = url;
            Ok(())
        })
    }

    pub fn set_header(&self, name: &str, value: &[u8]) -> Result<(), Status> {
        self.configure(|config| config.set_header(name, value))
    }

    pub fn add_header(&self, name: &str, value: &[u8]) -> Result<(), Status> {
        self.configure(|config| config.add_header(name, value))
    }

    pub fn clear_headers(&self) -> Result<(), Status> {
        self.configure(|config| {
            config.headers.clear();
            Ok(())
        })
    }

    pub fn set_subprotocols(&self, list: &str) -> Result<(), Status> {
        self.configure(|config| config.set_subprotocols(list))
    }

    pub fn set_origin(&self, origin: &str) -> Result<(), Status> {
        self.configure(|config| config.set_origin(origin))
    }

    /// Takes effect at once: the next ping is one interval away.
    pub fn set_ping_interval(&self, interval: Option<Duration>) -> Result<(), Status> {
        let interval = checked(interval)?;
        let mut inner = self.enter()?;
        inner.config.ping_interval = interval;
        if let Attempt::Open(session) = &mut inner.attempt {
            session.set_ping_interval(interval, Instant::now());
            inner.queue_drive(self);
        }
        Ok(())
    }

    /// Takes effect at once.
    pub fn set_pong_timeout(&self, timeout: Option<Duration>) -> Result<(), Status> {
        let timeout = checked(timeout)?;
        let mut inner = self.enter()?;
        inner.config.pong_timeout = timeout;
        inner.queue_drive(self);
        Ok(())
    }

    /// Takes effect at once.
    pub fn set_idle_timeout(&self, timeout: Option<Duration>) -> Result<(), Status> {
        let timeout = checked(timeout)?;
        let mut inner = self.enter()?;
        inner.config.idle_timeout = timeout;
        inner.queue_drive(self);
        Ok(())
    }

    /// Takes effect at once.
    pub fn set_auto_pong(&self, auto_pong: bool) -> Result<(), Status> {
        self.configure(|config| {
            config.auto_pong = auto_pong;
            Ok(())
        })
    }

    /// Takes effect with the next `send`.
    pub fn set_binary_type(&self, binary_type: BinaryType) -> Result<(), Status> {
        self.configure(|config| {
            config.binary_type = binary_type;
            Ok(())
        })
    }

    pub fn set_connect_timeout(&self, timeout: Option<Duration>) -> Result<(), Status> {
        let timeout = checked(timeout)?;
        self.configure(|config| {
            config.connect_timeout = timeout;
            Ok(())
        })
    }

    pub fn set_handshake_timeout(&self, timeout: Option<Duration>) -> Result<(), Status> {
        let timeout = checked(timeout)?;
        self.configure(|config| {
            config.handshake_timeout = timeout;
            Ok(())
        })
    }

    pub fn set_close_timeout(&self, timeout: Option<Duration>) -> Result<(), Status> {
        let timeout = checked(timeout)?;
        self.configure(|config| {
            config.close_timeout = timeout;
            Ok(())
        })
    }

    pub fn set_max_message_size(&self, size: usize) -> Result<(), Status> {
        self.set_size(size, |config| &mut config.max_message_size)
    }

    /// Takes effect at once, with the next frame that comes in.
    pub fn set_max_receive_size(&self, size: usize) -> Result<(), Status> {
        if size == 0 {
            return Err(Status::Invalid);
        }
        let mut inner = self.enter()?;
        inner.config.max_receive_size = Some(size);
        if let Attempt::Open(session) = &mut inner.attempt {
            session.set_max_receive_size(size);
        }
        Ok(())
    }

    pub fn set_max_frame_size(&self, size: usize) -> Result<(), Status> {
        self.set_size(size, |config| &mut config.max_frame_size)
    }

    pub fn set_max_fragments(&self, count: usize) -> Result<(), Status> {
        self.set_size(count, |config| &mut config.max_fragments)
    }

    /// Delivers messages in parts as they arrive.
    pub fn set_streaming(&self, on: bool) -> Result<(), Status> {
        self.configure(|config| {
            config.streaming = on;
            Ok(())
        })
    }

    pub fn set_deflate(&self, on: bool) -> Result<(), Status> {
        self.configure_deflate(|deflate| deflate.enabled = on)
    }

    pub fn set_deflate_level(&self, level: u32) -> Result<(), Status> {
        if !(1..=9).contains(&level) {
            return Err(Status::Invalid);
        }
        self.configure_deflate(|deflate| deflate.level = level)
    }

    pub fn set_deflate_threshold(&self, size: usize) -> Result<(), Status> {
        self.configure_deflate(|deflate| deflate.threshold = size)
    }

    pub fn set_deflate_window_bits(&self, client: u8, server: u8) -> Result<(), Status> {
        // zlib cannot write with a window of 8 bits, so none is offered.
        if !(MIN_WINDOW_BITS + 1..=MAX_WINDOW_BITS).contains(&client)
            || !(MIN_WINDOW_BITS..=MAX_WINDOW_BITS).contains(&server)
        {
            return Err(Status::Invalid);
        }
        self.configure_deflate(|deflate| {
            deflate.client_window_bits = client;
            deflate.server_window_bits = server;
        })
    }

    pub fn set_deflate_no_context_takeover(
        &self,
        client: bool,
        server: bool,
    ) -> Result<(), Status> {
        self.configure_deflate(|deflate| {
            deflate.client_no_context_takeover = client;
            deflate.server_no_context_takeover = server;
        })
    }

    pub fn set_deflate_max_ratio(&self, ratio: usize) -> Result<(), Status> {
        self.set_size(ratio, |config| &mut config.deflate.max_ratio)
    }

    fn configure_deflate(&self, change: impl FnOnce(&mut Deflate)) -> Result<(), Status> {
        self.configure(|config| {
            change(&mut config.deflate);
            Ok(())
        })
    }

    pub fn set_max_header_size(&self, size: usize) -> Result<(), Status> {
        self.set_size(size, |config| &mut config.max_header_size)
    }

    /// Takes effect at once.
    pub fn set_send_queue_limit(&self, size: usize) -> Result<(), Status> {
        self.set_size(size, |config| &mut config.send_queue_limit)?;
        self.enter()?.note_full(self);
        Ok(())
    }

    /// Takes effect at once.
    pub fn set_receive_queue_limit(&self, size: usize) -> Result<(), Status> {
        self.set_size(size, |config| &mut config.receive_queue_limit)?;
        self.enter()?.reading_may_resume(self);
        Ok(())
    }

    fn set_size(
        &self,
        size: usize,
        setting: impl FnOnce(&mut Config) -> &mut usize,
    ) -> Result<(), Status> {
        if size == 0 {
            return Err(Status::Invalid);
        }
        self.configure(|config| {
            *setting(config) = size;
            Ok(())
        })
    }

    /// Changes how TLS is used.
    pub fn set_tls(
        &self,
        change: impl FnOnce(&mut TlsSettings) -> Result<(), Status>,
    ) -> Result<(), Status> {
        self.configure(|config| change(Arc::make_mut(&mut config.tls)))
    }

    /// Sets what the client shows of itself, in PEM; an empty chain is nothing.
    pub fn set_tls_identity(
        &self,
        chain: &[u8],
        key: &[u8],
        passphrase: &str,
    ) -> Result<(), Status> {
        self.set_tls(|tls| match chain.is_empty() {
            true => {
                tls.clear_identity();
                Ok(())
            }
            false => tls.set_identity(chain, key, passphrase),
        })
    }

    /// Sets the proxy; an empty URL is none.
    pub fn set_proxy(&self, url: &str) -> Result<(), Status> {
        let proxy = match url.is_empty() {
            true => ProxyChoice::None,
            false => ProxyChoice::Fixed(Box::new(Proxy::parse(url)?)),
        };
        self.configure(|config| {
            config.proxy = proxy;
            Ok(())
        })
    }

    /// Takes the proxies that the environment names now.
    pub fn set_proxy_from_environment(&self) -> Result<(), Status> {
        let environment = ProxyEnvironment::read(|name| std::env::var(name).ok());
        self.configure(|config| {
            config.proxy = ProxyChoice::Environment(Box::new(environment));
            Ok(())
        })
    }

    pub fn add_proxy_header(&self, name: &str, value: &[u8]) -> Result<(), Status> {
        self.configure(|config| config.add_proxy_header(name, value))
    }

    pub fn clear_proxy_headers(&self) -> Result<(), Status> {
        self.configure(|config| {
            config.proxy_headers.clear();
            Ok(())
        })
    }

    pub fn set_phase_timeout(&self, phase: Phase, timeout: Option<Duration>) -> Result<(), Status> {
        let timeout = checked(timeout)?;
        self.configure(|config| config.phase_timeouts.set(phase, timeout))
    }

    /// Sets the address to connect from; an empty one is the system's choice.
    pub fn set_local_address(&self, address: &str) -> Result<(), Status> {
        let address = match (address.is_empty(), address.parse::<IpAddr>()) {
            (true, _) => None,
            (false, Ok(address)) => Some(SocketAddr::new(address, 0)),
            (false, Err(_)) => Some(address.parse().map_err(|_| Status::Invalid)?),
        };
        self.configure(|config| {
            Arc::make_mut(&mut config.socket).local_address = address;
            Ok(())
        })
    }

    /// Sets the network interface to use; an empty name is the system's choice.
    pub fn set_interface(&self, name: &str) -> Result<(), Status> {
        // IFNAMSIZ less the NUL.
        const LONGEST: usize = 15;
        if name.len() > LONGEST {
            return Err(Status::Invalid);
        }
        self.configure(|config| {
            Arc::make_mut(&mut config.socket).interface =
                (!name.is_empty()).then(|| name.to_owned());
            Ok(())
        })
    }

    pub fn set_nodelay(&self, on: bool) -> Result<(), Status> {
        self.configure(|config| {
            Arc::make_mut(&mut config.socket).nodelay = on;
            Ok(())
        })
    }

    pub fn set_keepalive(&self, time: Option<Duration>) -> Result<(), Status> {
        let time = checked(time)?;
        self.configure(|config| {
            Arc::make_mut(&mut config.socket).keepalive = time;
            Ok(())
        })
    }

    pub fn set_user_timeout(&self, timeout: Option<Duration>) -> Result<(), Status> {
        let timeout = checked(timeout)?;
        self.configure(|config| {
            Arc::make_mut(&mut config.socket).user_timeout = timeout;
            Ok(())
        })
    }

    pub fn set_max_redirects(&self, count: u32) -> Result<(), Status> {
        self.configure(|config| {
            config.max_redirects = count;
            Ok(())
        })
    }

    /// Gives the next attempt a socket that is connected already.
    pub fn set_socket(&self, socket: OwnedFd) -> Result<(), Status> {
        let stream = socket2::SockRef::from(&socket);
        let is_stream = stream
            .r#type()
            .is_ok_and(|kind| kind == socket2::Type::STREAM);
        if !is_stream || stream.peer_addr().is_err() || stream.set_nonblocking(true).is_err() {
            return Err(Status::Invalid);
        }
        self.enter()?.handed = Some(socket);
        Ok(())
    }

    /// Changes the contract of automatic reconnects. Takes effect when the next
    /// attempt ends.
    pub fn set_reconnect(
        &self,
        change: impl FnOnce(&mut ReconnectPolicy) -> Result<(), Status>,
    ) -> Result<(), Status> {
        change(Arc::make_mut(&mut self.enter()?.reconnect))
    }

    /// Adds a message to what is sent first whenever the connection opens.
    pub fn add_prologue(&self, kind: MessageType, payload: &[u8]) -> Result<(), Status> {
        if kind == MessageType::Text && std::str::from_utf8(payload).is_err() {
            return Err(Status::Utf8);
        }
        let mut inner = self.enter()?;
        let held: usize = inner
            .prologue
            .iter()
            .map(|(_, payload)| payload.len())
            .sum();
        if payload.len() > inner.config.max_message_size
            || held + payload.len() > inner.config.send_queue_limit
        {
            return Err(Status::TooBig);
        }
        inner.prologue.push((kind, copy(payload)?));
        Ok(())
    }

    pub fn clear_prologue(&self) -> Result<(), Status> {
        self.enter()?.prologue.clear();
        Ok(())
    }
}

/// A deadline of zero would always have passed.
fn checked(duration: Option<Duration>) -> Result<Option<Duration>, Status> {
    match duration {
        Some(Duration::ZERO) => Err(Status::Invalid),
        duration => Ok(duration),
    }
}

//! The TLS phase: the system's trust store, host name and SNI checked, TLS 1.2
//! at least.

use std::collections::VecDeque;
use std::error::Error;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use native_tls::{HandshakeError, MidHandshakeTlsStream, Protocol, TlsConnector, TlsStream};
use openssl::asn1::Asn1Time;
use openssl::error::ErrorStack;
use openssl::pkcs12::Pkcs12;
use openssl::pkey::{PKey, Private};
use openssl::sha::sha256;
use openssl::stack::Stack;
use openssl::x509::store::X509StoreBuilder;
use openssl::x509::verify::{X509CheckFlags, X509VerifyFlags, X509VerifyParam};
use openssl::x509::{CrlStatus, X509, X509Crl, X509Ref, X509StoreContext};

use crate::error::{Failure, Status};
use crate::sys;
use crate::transport::Wire;

/// A version of TLS, as the protocol numbers them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i32)]
pub enum TlsVersion {
    Tls12 = 0x0303,
    Tls13 = 0x0304,
}

impl From<TlsVersion> for Protocol {
    fn from(version: TlsVersion) -> Self {
        match version {
            TlsVersion::Tls12 => Protocol::Tlsv12,
            TlsVersion::Tls13 => Protocol::Tlsv13,
        }
    }
}

/// What a pin is the SHA-256 of, in DER.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub enum PinType {
    /// The server's whole certificate.
    Certificate = 1,
    /// Its public key (SubjectPublicKeyInfo), which outlives a renewal.
    PublicKey = 2,
}

/// How a connection uses TLS. Certificates and keys are held parsed and checked,
/// so that a mistake in them is told when they are set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsSettings {
    /// Trusted certificates, in DER.
    roots: Vec<Vec<u8>>,
    pub system_roots: bool,
    revocations: Vec<Revocations>,
    identity: Option<Identity>,
    min: TlsVersion,
    max: TlsVersion,
    alpn: Vec<String>,
    /// The name in the client's hello: None is the URL's host, empty is none.
    pub server_name: Option<String>,
    /// The name that the certificate must have: None is the URL's host.
    pub verify_name: Option<String>,
    pins: Vec<(PinType, [u8; 32])>,
    pub danger_accept_anything: bool,
}

impl Default for TlsSettings {
    fn default() -> Self {
        TlsSettings {
            roots: Vec::new(),
            system_roots: true,
            revocations: Vec::new(),
            identity: None,
            min: TlsVersion::Tls12,
            max: TlsVersion::Tls13,
            alpn: Vec::new(),
            server_name: None,
            verify_name: None,
            pins: Vec::new(),
            danger_accept_anything: false,
        }
    }
}

/// The client's certificate with its chain, and its key, both in PEM.
#[derive(Clone, PartialEq, Eq)]
struct Identity {
    chain: Vec<u8>,
    /// PKCS#8, decrypted.
    key: Vec<u8>,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Identity")
    }
}

/// A list of revoked certificates. It may be large, so that it is parsed once.
#[derive(Clone)]
struct Revocations {
    digest: [u8; 32],
    list: Arc<X509Crl>,
}

impl PartialEq for Revocations {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest
    }
}

impl Eq for Revocations {}

impl std::fmt::Debug for Revocations {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Revocations")
    }
}

impl TlsSettings {
    /// Trusts the certificates in `pem` too.
    pub fn add_ca(&mut self, pem: &[u8]) -> Result<(), Status> {
        let certificates = X509::stack_from_pem(pem).map_err(|_| Status::Pem)?;
        if certificates.is_empty() {
            return Err(Status::Pem);
        }
        for certificate in certificates {
            self.roots
                .push(certificate.to_der().map_err(|_| Status::Pem)?);
        }
        Ok(())
    }

    /// Takes lists of revoked certificates, in PEM, or one in DER. From then on the
    /// server's certificate must be covered by one.
    pub fn add_crl(&mut self, data: &[u8]) -> Result<(), Status> {
        let begins = b"-----BEGIN X509 CRL-----";
        let places = data.windows(begins.len()).enumerate();
        let places: Vec<usize> = places
            .filter_map(|(place, window)| (window == begins).then_some(place))
            .collect();
        let lists: Result<Vec<_>, _> = match places.is_empty() {
            true => X509Crl::from_der(data).map(|list| vec![list]),
            false => {
                let from = |place: &usize| X509Crl::from_pem(&data[*place..]);
                places.iter().map(from).collect()
            }
        };
        for list in lists.map_err(|_| Status::Pem)? {
            let der = list.to_der().map_err(|_| Status::Pem)?;
            self.revocations.push(Revocations {
                digest: sha256(&der),
                list: Arc::new(list),
            });
        }
        Ok(())
    }

    /// Sets the certificate, its chain and its key that the client shows.
    pub fn set_identity(
        &mut self,
        chain: &[u8],
        key: &[u8],
        passphrase: &str,
    ) -> Result<(), Status> {
        let chain = X509::stack_from_pem(chain).map_err(|_| Status::Pem)?;
        // Without a callback OpenSSL would ask on the terminal.
        let mut is_encrypted = false;
        let key = PKey::private_key_from_pem_callback(key, |buffer| {
            is_encrypted = true;
            let passphrase = passphrase.as_bytes();
            let count = passphrase.len().min(buffer.len());
            buffer[..count].copy_from_slice(&passphrase[..count]);
            Ok(count)
        });
        let key = key.map_err(|_| match is_encrypted {
            true => Status::Passphrase,
            false => Status::Pem,
        })?;
        self.identity = Some(Identity::new(&chain, &key)?);
        Ok(())
    }

    /// The same from a PKCS#12 file.
    pub fn set_pkcs12(&mut self, der: &[u8], passphrase: &str) -> Result<(), Status> {
        let parsed = Pkcs12::from_der(der)
            .map_err(|_| Status::Pem)?
            .parse2(passphrase)
            .map_err(|error| match has_reason(&error, "mac verify failure") {
                true => Status::Passphrase,
                false => Status::Pem,
            })?;
        let (Some(certificate), Some(key)) = (parsed.cert, parsed.pkey) else {
            return Err(Status::Pem);
        };
        let mut chain = vec![certificate];
        // OpenSSL gives them in reverse.
        chain.extend(parsed.ca.into_iter().flatten().rev());
        self.identity = Some(Identity::new(&chain, &key)?);
        Ok(())
    }

    pub fn clear_identity(&mut self) {
        self.identity = None;
    }

    pub fn set_versions(&mut self, min: TlsVersion, max: TlsVersion) -> Result<(), Status> {
        if min > max {
            return Err(Status::Invalid);
        }
        (self.min, self.max) = (min, max);
        Ok(())
    }

    /// Takes a comma-separated list; each name has 1 to 255 bytes (RFC 7301 §3.1).
    pub fn set_alpn(&mut self, list: &str) -> Result<(), Status> {
        let names = list.split(',').map(|name| name.trim_ascii().to_owned());
        let names: Vec<String> = names.filter(|_| !list.is_empty()).collect();
        if names.iter().any(|name| !(1..=255).contains(&name.len())) {
            return Err(Status::Invalid);
        }
        self.alpn = names;
        Ok(())
    }

    /// Accepts only servers with one of the pins.
    pub fn add_pin(&mut self, pin_type: PinType, sha256: &[u8]) -> Result<(), Status> {
        let digest = sha256.try_into().map_err(|_| Status::Invalid)?;
        self.pins.push((pin_type, digest));
        Ok(())
    }

    /// For the session with a proxy: who to trust, and nothing that is about the server.
    pub fn for_proxy(&self) -> Self {
        TlsSettings {
            roots: self.roots.clone(),
            system_roots: self.system_roots,
            min: self.min,
            max: self.max,
            danger_accept_anything: self.danger_accept_anything,
            ..TlsSettings::default()
        }
    }

    /// For a redirect to another server, which is not shown the client's certificate.
    pub fn for_other_origin(&self) -> Self {
        TlsSettings {
            identity: None,
            server_name: None,
            verify_name: None,
            ..self.clone()
        }
    }

    /// The name to offer, which is checked as well unless `checks_name_itself`.
    fn name<'a>(&'a self, host: &'a str) -> &'a str {
        match self.server_name.as_deref() {
            None => host,
            // No SNI; native-tls checks the name.
            Some("") => self.verified_name(host),
            Some(name) => name,
        }
    }

    /// Never empty, which OpenSSL takes for "any name".
    fn verified_name<'a>(&'a self, host: &'a str) -> &'a str {
        let name = self.verify_name.as_deref();
        name.filter(|name| !name.is_empty()).unwrap_or(host)
    }

    /// Whether the name to check is not the one offered, which native-tls
    /// takes for the same.
    fn checks_name_itself(&self) -> bool {
        match self.server_name.as_deref() {
            None => self.verify_name.is_some(),
            Some(name) => !name.is_empty(),
        }
    }

    fn connector(&self) -> Result<TlsConnector, native_tls::Error> {
        let mut builder = TlsConnector::builder();
        builder
            .min_protocol_version(Some(self.min.into()))
            .max_protocol_version(Some(self.max.into()))
            .disable_built_in_roots(!self.system_roots)
            .use_sni(self.server_name.as_deref() != Some(""))
            .danger_accept_invalid_certs(self.danger_accept_anything)
            .danger_accept_invalid_hostnames(
                self.danger_accept_anything || self.checks_name_itself(),
            )
            .request_alpns(&self.alpn.iter().map(String::as_str).collect::<Vec<_>>());
        for root in &self.roots {
            builder.add_root_certificate(native_tls::Certificate::from_der(root)?);
        }
        if let Some(identity) = &self.identity {
            builder.identity(native_tls::Identity::from_pkcs8(
                &identity.chain,
                &identity.key,
            )?);
        }
        builder.build()
    }

    /// What native-tls does not check.
    fn check_peer(&self, certificate: &[u8], host: &str) -> Result<(), Failure> {
        let rejected = || Failure::new(Status::Certificate, Status::Certificate.text());
        if !self.danger_accept_anything && self.checks_name_itself() {
            let name = self.verified_name(host);
            if !has_name(certificate, name).map_err(|_| rejected())? {
                let text = format!("the server's certificate is not for {name}");
                return Err(Failure::new(Status::CertificateName, text));
            }
        }
        if !self.danger_accept_anything && !self.revocations.is_empty() {
            let certificate = X509::from_der(certificate).map_err(|_| rejected())?;
            self.check_revocation(&certificate)?;
        }
        if self.pins.is_empty() {
            return Ok(());
        }
        let public_key = X509::from_der(certificate)
            .and_then(|certificate| certificate.public_key()?.public_key_to_der())
            .map_err(|_| rejected())?;
        let pinned = self.pins.iter().any(|(pin_type, digest)| {
            let der = match pin_type {
                PinType::Certificate => certificate,
                PinType::PublicKey => &public_key,
            };
            sha256(der) == *digest
        });
        match pinned {
            true => Ok(()),
            false => Err(Failure::new(Status::Pin, Status::Pin.text())),
        }
    }
}

/// Revocation. native-tls has no access to the store that verifies the chain, nor to
/// the certificates between, so the server's own is looked up here.
impl TlsSettings {
    fn check_revocation(&self, certificate: &X509) -> Result<(), Failure> {
        let unknown = |why: &str| {
            let text =
                format!("it cannot be told whether the server's certificate was revoked: {why}");
            Err(Failure::new(Status::Certificate, text))
        };
        let issuer = certificate.issuer_name();
        let lists = self
            .revocations
            .iter()
            .map(|revocations| &*revocations.list);
        let of_issuer = |list: &&X509Crl| {
            list.issuer_name()
                .try_cmp(issuer)
                .is_ok_and(|it| it.is_eq())
        };
        let lists: Vec<&X509Crl> = lists.filter(of_issuer).collect();
        if lists.is_empty() {
            return unknown("no list of its issuer was given");
        }
        let mut lists = lists
            .into_iter()
            .filter(|list| self.is_signed(list))
            .peekable();
        if lists.peek().is_none() {
            return unknown("the list of its issuer is not signed by an added authority");
        }
        let now =
            Asn1Time::days_from_now(0).map_err(|_| Failure::new(Status::System, "no time"))?;
        let mut is_covered = false;
        for list in lists {
            if let CrlStatus::Revoked(_) = list.get_by_cert(certificate) {
                let text = Status::CertificateRevoked.text();
                return Err(Failure::new(Status::CertificateRevoked, text));
            }
            is_covered |= list.next_update().is_none_or(|next| *next > now);
        }
        match is_covered {
            true => Ok(()),
            false => unknown("the list of its issuer is out of date"),
        }
    }

    /// Whether an authority of the application has signed the list.
    fn is_signed(&self, list: &X509Crl) -> bool {
        let is_issuer = |root: &X509Ref| {
            let same = root.subject_name().try_cmp(list.issuer_name());
            same.is_ok_and(|order| order.is_eq())
        };
        self.roots
            .iter()
            .filter_map(|root| X509::from_der(root).ok())
            .filter(|root| is_issuer(root))
            .filter_map(|root| root.public_key().ok())
            .any(|key| list.verify(&key).is_ok_and(|good| good))
    }
}

impl Identity {
    fn new(chain: &[X509], key: &PKey<Private>) -> Result<Self, Status> {
        let (Some(certificate), Ok(key_pem)) = (chain.first(), key.private_key_to_pem_pkcs8())
        else {
            return Err(Status::Pem);
        };
        let matches = certificate.public_key().is_ok_and(|own| own.public_eq(key));
        if !matches {
            return Err(Status::KeyMismatch);
        }
        let mut chain_pem = Vec::new();
        for certificate in chain {
            chain_pem.extend(certificate.to_pem().map_err(|_| Status::Pem)?);
        }
        Ok(Identity {
            chain: chain_pem,
            key: key_pem,
        })
    }
}

/// Whether a certificate, whose trust was checked before, is for that name.
fn has_name(certificate: &[u8], name: &str) -> Result<bool, ErrorStack> {
    let certificate = X509::from_der(certificate)?;
    let mut param = X509VerifyParam::new()?;
    // The certificate is its own trust: only the name is in question.
    param.set_flags(X509VerifyFlags::PARTIAL_CHAIN | X509VerifyFlags::NO_CHECK_TIME)?;
    param.set_hostflags(X509CheckFlags::NO_PARTIAL_WILDCARDS);
    match name.parse() {
        Ok(address) => param.set_ip(address)?,
        Err(_) => param.set_host(name)?,
    }
    let mut store = X509StoreBuilder::new()?;
    store.set_param(&param)?;
    store.add_cert(certificate.clone())?;
    let no_chain = Stack::new()?;
    X509StoreContext::new()?.init(&store.build(), &certificate, &no_chain, |context| {
        context.verify_cert()
    })
}

fn has_reason(error: &ErrorStack, reason: &str) -> bool {
    error
        .errors()
        .iter()
        .any(|error| error.reason() == Some(reason))
}

/// The connectors of one loop. Loading the trust store takes tens of
/// milliseconds, so it happens on a helper thread, once for all connections of
/// the same settings.
#[derive(Default)]
pub struct Connectors {
    built: Mutex<VecDeque<(Arc<TlsSettings>, TlsConnector)>>,
    /// Held while building, so that simultaneous connects build only one. A turn never
    /// takes it.
    building: Mutex<()>,
}

impl Drop for Connectors {
    fn drop(&mut self) {
        let built = self.built.get_mut().unwrap_or_else(PoisonError::into_inner);
        if !built.is_empty() {
            let _inside = sys::enter_tls();
            built.clear();
        }
    }
}

impl Connectors {
    /// A loop rarely has more; settings that change for ever must not pile up.
    const MOST: usize = 16;

    /// The connector, if it was built before.
    pub fn cached(&self, settings: &TlsSettings) -> Option<TlsConnector> {
        let built = self.lock();
        let mut same = built.iter().filter(|(other, _)| **other == *settings);
        same.next().map(|(_, connector)| connector.clone())
    }

    /// Builds the connector. Blocks; for helper threads.
    pub fn build(&self, settings: &Arc<TlsSettings>) -> Result<TlsConnector, Failure> {
        let _alone = self.building.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(connector) = self.cached(settings) {
            return Ok(connector);
        }
        let _inside = sys::enter_tls();
        // native-tls passes over a file that cannot be opened, and without a descriptor none
        // can: what was built so would trust nobody for as long as the loop lives.
        sys::check_descriptors()?;
        let connector = settings.connector()?;
        sys::check_descriptors()?;
        let mut built = self.lock();
        if built.len() == Self::MOST {
            built.pop_front();
        }
        built.push_back((Arc::clone(settings), connector.clone()));
        Ok(connector)
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<(Arc<TlsSettings>, TlsConnector)>> {
        self.built.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// TLS on its way to a host.
pub struct Handshake {
    settings: Arc<TlsSettings>,
    host: String,
    state: State,
}

enum State {
    Start(TlsConnector, Wire),
    Middle(MidHandshakeTlsStream<Wire>),
}

/// Where a handshake stands after a step.
pub enum Step {
    Pending(Handshake),
    Done(Box<Secured>),
}

/// An established session, and what was agreed in it.
pub struct Secured {
    pub stream: TlsStream<Wire>,
    pub version: Option<TlsVersion>,
    pub alpn: Option<Vec<u8>>,
    /// In DER.
    pub certificate: Vec<u8>,
}

impl Handshake {
    pub fn new(
        settings: Arc<TlsSettings>,
        connector: TlsConnector,
        host: String,
        wire: Wire,
    ) -> Self {
        Handshake {
            settings,
            host,
            state: State::Start(connector, wire),
        }
    }

    /// Goes on until the handshake is done or waits for the peer.
    pub fn advance(self) -> Result<Step, Failure> {
        let _inside = sys::enter_tls();
        let Handshake {
            settings,
            host,
            state,
        } = self;
        let result = match state {
            State::Start(connector, wire) => connector.connect(settings.name(&host), wire),
            State::Middle(handshake) => handshake.handshake(),
        };
        match result {
            Ok(mut stream) => {
                let version = negotiated_version(&stream.get_mut().take_hello());
                let certificate = stream
                    .peer_certificate()?
                    .map(|certificate| certificate.to_der());
                let certificate = certificate.transpose()?.unwrap_or_default();
                settings.check_peer(&certificate, &host)?;
                Ok(Step::Done(Box::new(Secured {
                    version,
                    alpn: stream.negotiated_alpn()?,
                    certificate,
                    stream,
                })))
            }
            Err(HandshakeError::WouldBlock(handshake)) => Ok(Step::Pending(Handshake {
                settings,
                host,
                state: State::Middle(handshake),
            })),
            Err(HandshakeError::Failure(error)) => Err(error.into()),
        }
    }

    pub fn wire_mut(&mut self) -> &mut Wire {
        match &mut self.state {
            State::Start(_, wire) => wire,
            State::Middle(handshake) => handshake.get_mut(),
        }
    }
}

/// How much of what the server sends first `negotiated_version` may need.
pub const HELLO: usize = 80;

/// Reads the version from the ServerHello, which is not encrypted (RFC 8446
/// §4.1.3); native-tls does not tell it. The cipher suites 0x13xx belong to
/// TLS 1.3, whose version field says 1.2 for the sake of middleboxes.
fn negotiated_version(hello: &[u8]) -> Option<TlsVersion> {
    const RECORD_HEADER: usize = 5;
    const MESSAGE_HEADER: usize = 4;
    const VERSION_AND_RANDOM: usize = 34;
    let session_id = RECORD_HEADER + MESSAGE_HEADER + VERSION_AND_RANDOM;
    let cipher_suite = session_id + 1 + usize::from(*hello.get(session_id)?);
    match hello.get(cipher_suite)? {
        0x13 => Some(TlsVersion::Tls13),
        _ => Some(TlsVersion::Tls12),
    }
}

/// The status and the words for a handshake that failed.
impl From<native_tls::Error> for Failure {
    fn from(error: native_tls::Error) -> Self {
        let source = error.source();
        if let Some(error) = source.and_then(|source| source.downcast_ref::<io::Error>()) {
            let error = match error.raw_os_error() {
                Some(code) => io::Error::from_raw_os_error(code),
                None => error.kind().into(),
            };
            return error.into();
        }
        let text = error.to_string();
        let Some(stack) = source.and_then(|source| source.downcast_ref::<ErrorStack>()) else {
            // OpenSSL has no error where the peer just closed.
            let text = "the server closed the connection in the TLS handshake";
            return Failure::new(Status::Tls, text);
        };
        if has_reason(stack, "certificate verify failed") {
            // native-tls adds the reason in parentheses.
            let reason = text.rsplit_once('(').map_or("", |(_, reason)| reason);
            let reason = reason.trim_end_matches(')');
            let text = format!("{}: {reason}", Status::Certificate.text());
            return Failure::new(certificate_status(reason), text);
        }
        let reasons = reasons(stack);
        let is_version = |reason: &&str| {
            matches!(
                *reason,
                "unsupported protocol" | "tlsv1 alert protocol version"
            )
        };
        let status = match reasons.iter().any(is_version) {
            true => Status::TlsVersion,
            false => Status::Tls,
        };
        Failure::new(status, format!("{}: {}", status.text(), reasons.join(", ")))
    }
}

/// OpenSSL's words for why it did not accept a certificate.
fn certificate_status(reason: &str) -> Status {
    let reason = reason
        .to_ascii_lowercase()
        .replace("self signed", "self-signed");
    match reason.as_str() {
        "certificate has expired" | "certificate is not yet valid" => Status::CertificateExpired,
        "self-signed certificate" => Status::CertificateSelfSigned,
        "self-signed certificate in certificate chain"
        | "unable to get local issuer certificate"
        | "unable to get issuer certificate"
        | "unable to verify the first certificate" => Status::CertificateIssuer,
        "hostname mismatch" | "ip address mismatch" => Status::CertificateName,
        "certificate revoked" => Status::CertificateRevoked,
        _ => Status::Certificate,
    }
}

/// A failure of an established session. The socket's own error keeps its name.
pub fn failure(error: io::Error) -> Failure {
    match error.raw_os_error() {
        Some(_) => error.into(),
        None => Failure::new(Status::Tls, words(&error)),
    }
}

/// What OpenSSL says of an established session, without the places in its source.
fn words(error: &io::Error) -> String {
    let inner = error.get_ref();
    let inner = inner.and_then(|inner| inner.downcast_ref::<openssl::ssl::Error>());
    match inner.and_then(openssl::ssl::Error::ssl_error) {
        Some(stack) => format!("{}: {}", Status::Tls.text(), reasons(stack).join(", ")),
        None => error.to_string(),
    }
}

fn reasons(stack: &ErrorStack) -> Vec<&str> {
    let errors = stack.errors().iter();
    errors.filter_map(|error| error.reason()).collect()
}

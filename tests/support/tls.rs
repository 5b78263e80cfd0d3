//! The server's side of TLS: an authority that issues certificates, and sessions
//! above a [`Peer`]'s socket.

use std::io::{Read, Write};
use std::net::TcpStream;

use openssl::asn1::{Asn1Object, Asn1OctetString, Asn1Time};
use openssl::bn::{BigNum, MsbOption};
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::ssl::{SslAcceptor, SslAcceptorBuilder, SslMethod, SslVersion};
use openssl::x509::extension::{AuthorityKeyIdentifier, BasicConstraints, SubjectAlternativeName};
use openssl::x509::{
    X509, X509Builder, X509CrlBuilder, X509Extension, X509NameBuilder, X509RevokedBuilder,
};

use super::os;

/// A certificate and its key, with who signed it.
#[derive(Clone)]
pub struct Identity {
    pub certificate: X509,
    pub key: PKey<Private>,
}

/// What a certificate is to say.
pub struct Subject<'a> {
    pub name: &'a str,
    pub is_authority: bool,
    /// Days from now.
    pub from: i64,
    pub until: i64,
}

impl Default for Subject<'_> {
    fn default() -> Self {
        Subject {
            name: "127.0.0.1",
            is_authority: false,
            from: -1,
            until: 1,
        }
    }
}

impl Identity {
    pub fn authority() -> Identity {
        Self::authority_named("Test authority")
    }

    pub fn authority_named(name: &str) -> Identity {
        let subject = Subject {
            name,
            is_authority: true,
            ..Subject::default()
        };
        Self::make(&subject, None)
    }

    pub fn self_signed(subject: &Subject<'_>) -> Identity {
        Self::make(subject, None)
    }

    pub fn issue(&self, subject: &Subject<'_>) -> Identity {
        Self::make(subject, Some(self))
    }

    /// For a server at 127.0.0.1.
    pub fn server(&self) -> Identity {
        self.issue(&Subject::default())
    }

    fn make(subject: &Subject<'_>, issuer: Option<&Identity>) -> Identity {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
        let key = PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap();
        let mut name = X509NameBuilder::new().unwrap();
        name.append_entry_by_text("CN", subject.name).unwrap();
        let name = name.build();
        let mut builder = X509Builder::new().unwrap();
        builder.set_version(2).unwrap();
        let mut serial = BigNum::new().unwrap();
        serial.rand(120, MsbOption::MAYBE_ZERO, false).unwrap();
        builder
            .set_serial_number(&serial.to_asn1_integer().unwrap())
            .unwrap();
        builder.set_subject_name(&name).unwrap();
        let issuer_name = issuer.map_or(&*name, |issuer| issuer.certificate.subject_name());
        builder.set_issuer_name(issuer_name).unwrap();
        builder.set_pubkey(&key).unwrap();
        builder.set_not_before(&day(subject.from)).unwrap();
        builder.set_not_after(&day(subject.until)).unwrap();
        if subject.is_authority {
            let constraints = BasicConstraints::new().critical().ca().build().unwrap();
            builder.append_extension(constraints).unwrap();
        } else {
            let mut names = SubjectAlternativeName::new();
            match subject.name.parse::<std::net::IpAddr>() {
                Ok(_) => names.ip(subject.name),
                Err(_) => names.dns(subject.name),
            };
            let issuer_certificate = issuer.map(|issuer| &*issuer.certificate);
            let names = names.build(&builder.x509v3_context(issuer_certificate, None));
            builder.append_extension(names.unwrap()).unwrap();
        }
        let signer = issuer.map_or(&key, |issuer| &issuer.key);
        builder.sign(signer, MessageDigest::sha256()).unwrap();
        Identity {
            certificate: builder.build(),
            key,
        }
    }

    /// A list, in PEM, that revokes these certificates and is good for so many days.
    pub fn revoke(&self, certificates: &[&X509], days: i64) -> Vec<u8> {
        let mut list = X509CrlBuilder::new().unwrap();
        list.set_issuer_name(self.certificate.subject_name())
            .unwrap();
        list.set_last_update(&day(days - 2)).unwrap();
        list.set_next_update(&day(days)).unwrap();
        for certificate in certificates {
            let mut revoked = X509RevokedBuilder::new().unwrap();
            revoked
                .set_serial_number(certificate.serial_number())
                .unwrap();
            revoked.set_revocation_date(&day(days - 2)).unwrap();
            list.add_revoked(revoked.build()).unwrap();
        }
        let context = X509Builder::new().unwrap();
        let context = context.x509v3_context(Some(&self.certificate), None);
        let authority = AuthorityKeyIdentifier::new().issuer(true).build(&context);
        list.append_extension(authority.unwrap()).unwrap();
        let number = Asn1OctetString::new_from_bytes(&[2, 1, 1]).unwrap();
        let crl_number = Asn1Object::from_str("2.5.29.20").unwrap();
        let number = X509Extension::new_from_der(&crl_number, false, &number).unwrap();
        list.append_extension(number).unwrap();
        list.sign(&self.key, MessageDigest::sha256()).unwrap();
        list.build().unwrap().to_pem().unwrap()
    }

    pub fn pem(&self) -> Vec<u8> {
        self.certificate.to_pem().unwrap()
    }

    pub fn der(&self) -> Vec<u8> {
        self.certificate.to_der().unwrap()
    }

    pub fn key_pem(&self) -> Vec<u8> {
        self.key.private_key_to_pem_pkcs8().unwrap()
    }

    /// Serves with this certificate, in every version of TLS that is still used.
    pub fn acceptor(&self) -> SslAcceptor {
        self.acceptor_with(|_| {})
    }

    pub fn acceptor_with(&self, configure: impl FnOnce(&mut SslAcceptorBuilder)) -> SslAcceptor {
        let mut builder = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls()).unwrap();
        builder.set_private_key(&self.key).unwrap();
        builder.set_certificate(&self.certificate).unwrap();
        configure(&mut builder);
        builder.build()
    }

    pub fn acceptor_for(&self, version: SslVersion) -> SslAcceptor {
        self.acceptor_with(|builder| {
            builder.set_min_proto_version(Some(version)).unwrap();
            builder.set_max_proto_version(Some(version)).unwrap();
        })
    }
}

fn day(days: i64) -> Asn1Time {
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
    Asn1Time::from_unix(now.as_secs() as i64 + days * 86400).unwrap()
}

/// Writes at most so many bytes at once, so that records arrive in pieces.
#[derive(Debug)]
pub struct Pieces {
    pub stream: TcpStream,
    pub size: usize,
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        os::uninterrupted(|| self.stream.read(buffer))
    }
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let piece = &bytes[..bytes.len().min(self.size)];
        os::uninterrupted(|| self.stream.write(piece))
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

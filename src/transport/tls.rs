//! TCP and TLS to a server, and how its certificate is judged.
use crate::domain::{Error, ErrorKind, Result, clean_line};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, ring::default_provider, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject},
};
use rustls_platform_verifier::Verifier;
use sha2::{Digest as _, Sha256};
use std::{fmt::Write as _, io, path::PathBuf, sync::Arc};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};
use tokio_util::either::Either;
use url::{Host, Url};

/// A connection, with TLS or without.
pub type Stream = Either<TcpStream, TlsStream<TcpStream>>;

/// Where a server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    pub is_secure: bool,
    pub host: String,
    pub port: u16,
}

impl Server {
    /// Reads `wss://host:port`, `https://host:port` and their plain kin; `port` where the address has none.
    pub fn read(address: &str, port: u16) -> Result<Self> {
        let wrong = || Error::invalid(format_args!("url: `{}` is not an address of a server", clean_line(address)));
        let url = Url::parse(address).map_err(|_| wrong())?;
        let host = match url.host() {
            Some(Host::Ipv6(ip)) => ip.to_string(),
            Some(host) => host.to_string(),
            None => return Err(wrong()),
        };
        // The usual port of a scheme is left out of the parsed address, even where it was written.
        let usual = if matches!(url.scheme(), "https" | "wss") { 443 } else { 80 };
        let is_written = address.trim_end_matches('/').ends_with(&format!(":{usual}"));
        let port = url.port().unwrap_or(if is_written { usual } else { port });
        Ok(Self { is_secure: usual == 443, host, port })
    }

    /// Whether it is this computer: the end of a tunnel, or a test.
    pub fn is_loopback(&self) -> bool {
        self.host == "localhost" || self.host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }

    /// `host:port`, as a person would write it.
    pub fn shown(&self) -> String {
        let host = clean_line(&self.host);
        if host.contains(':') { format!("[{host}]:{}", self.port) } else { format!("{host}:{}", self.port) }
    }
}

/// How the certificate of a server is judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// By the authorities that the system trusts, and those of a PEM file.
    System { ca: Option<PathBuf> },
    /// By its SHA-256 fingerprint: 64 small hexadecimal digits.
    Pin(String),
    /// Not at all: whoever asks for this looks at the fingerprint before anything is sent, or tells the person.
    Any,
}

/// The certificate and the key by which a server knows us: two PEM files, or one with both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// A connection and, with TLS, the fingerprint of the server's certificate.
pub async fn connect(server: &Server, trust: &Trust) -> Result<(Stream, Option<String>)> {
    connect_as(server, trust, None).await
}

/// The fingerprint of the certificate that the server shows, whatever it is worth. Nothing is sent.
pub(super) async fn certificate(server: &Server, identity: Option<&Identity>) -> Result<String> {
    let (_, seen) = connect_as(server, &Trust::Any, identity).await?;
    let why = format_args!("{}: it shows no certificate", server.shown());
    seen.ok_or_else(|| Error::new(ErrorKind::Unreachable, why))
}

async fn connect_as(server: &Server, trust: &Trust, identity: Option<&Identity>) -> Result<(Stream, Option<String>)> {
    let shown = server.shown();
    let tcp = TcpStream::connect((server.host.as_str(), server.port)).await;
    let tcp = tcp.map_err(|error| unreachable(&shown, &error))?;
    // Requests are small and each waits for its answer.
    let _ = tcp.set_nodelay(true);
    if !server.is_secure {
        return Ok((Either::Left(tcp), None));
    }
    let name = ServerName::try_from(server.host.clone())
        .map_err(|_| Error::invalid(format_args!("url: `{}` is no name of a host", clean_line(&server.host))))?;
    let stream = connector(trust, identity)?.connect(name, tcp).await;
    let stream = stream.map_err(|error| no_tls(&shown, &error))?;
    let seen = stream.get_ref().1.peer_certificates().and_then(<[_]>::first).map(fingerprint);
    Ok((Either::Right(stream), seen))
}

pub(super) fn unreachable(shown: &str, error: &io::Error) -> Error {
    let why = match error.kind() {
        io::ErrorKind::ConnectionRefused => "nothing listens there (connection refused)".to_owned(),
        io::ErrorKind::TimedOut => "no answer".to_owned(),
        _ => error.to_string(),
    };
    Error::new(ErrorKind::Unreachable, format_args!("{shown}: {why}"))
}

/// Why there is no TLS, in words. What a person has to decide is not tried again by itself.
fn no_tls(shown: &str, error: &io::Error) -> Error {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(inner) => refused(shown, inner),
        None if error.kind() == io::ErrorKind::UnexpectedEof => {
            let why = format_args!("{shown}: closed before TLS was agreed on: is it the right port?");
            Error::new(ErrorKind::Unreachable, why)
        }
        None => unreachable(shown, error),
    }
}

/// What TLS has against the server, or the server against us.
pub(super) fn refused(shown: &str, error: &rustls::Error) -> Error {
    use CertificateError as C;
    use rustls::AlertDescription as A;
    let certificate = match error {
        rustls::Error::InvalidCertificate(certificate) => certificate,
        rustls::Error::InvalidMessage(_) => {
            let why = format_args!("{shown}: it does not speak TLS: is it the right port?");
            return Error::new(ErrorKind::Unreachable, why);
        }
        rustls::Error::AlertReceived(A::CertificateRequired | A::HandshakeFailure) => {
            let why =
                format_args!("{shown}: it wants a certificate of ours: write cert = \"/file\" and key = \"/file\"");
            return Error::new(ErrorKind::NeedsAnswer, why);
        }
        rustls::Error::AlertReceived(
            alert
            @ (A::BadCertificate | A::UnknownCA | A::CertificateExpired | A::CertificateUnknown | A::AccessDenied),
        ) => {
            let why = format_args!("{shown}: it does not take our certificate ({alert:?}): see cert and key");
            return Error::new(ErrorKind::NeedsAnswer, why);
        }
        other => return Error::new(ErrorKind::Unreachable, format_args!("{shown}: TLS failed: {other}")),
    };
    let why = match certificate {
        C::Expired | C::ExpiredContext { .. } => "its certificate has expired".to_owned(),
        C::NotValidYet | C::NotValidYetContext { .. } => {
            "its certificate is not valid yet: is the clock right?".to_owned()
        }
        C::ApplicationVerificationFailure => {
            "its certificate is not the one that was pinned: if the server made a new one, write its fingerprint"
                .to_owned()
        }
        C::NotValidForName | C::NotValidForNameContext { .. } => "its certificate is for another name".to_owned(),
        _ => "its certificate comes from no authority that is trusted here: write tls = \"accept-new\" to be \
              shown its fingerprint, or ca = \"/file\""
            .to_owned(),
    };
    Error::new(ErrorKind::NeedsAnswer, format_args!("{shown}: {why}"))
}

/// The SHA-256 of a certificate, in small hexadecimal digits.
pub fn fingerprint(certificate: &CertificateDer<'_>) -> String {
    Sha256::digest(certificate).iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// What begins TLS on a connection, and judges the server's certificate by `trust`.
pub fn connector(trust: &Trust, identity: Option<&Identity>) -> Result<TlsConnector> {
    config(trust, identity).map(|config| TlsConnector::from(Arc::new(config)))
}

/// What TLS connections are made with.
pub(super) fn config(trust: &Trust, identity: Option<&Identity>) -> Result<ClientConfig> {
    let provider = Arc::new(default_provider());
    let verifier: Arc<dyn ServerCertVerifier> = match trust {
        Trust::System { ca } => {
            let extra = ca.as_ref().map(|file| pem("ca", file)).transpose()?.unwrap_or_default();
            let made = Verifier::new_with_extra_roots(extra, provider.clone());
            Arc::new(made.map_err(|why| Error::invalid(format_args!("the authorities cannot be used: {why}")))?)
        }
        Trust::Pin(pin) => Arc::new(Pinned { pin: Some(pin.clone()), provider: provider.clone() }),
        Trust::Any => Arc::new(Pinned { pin: None, provider: provider.clone() }),
    };
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|why| Error::invalid(format_args!("TLS cannot be set up: {why}")))?;
    let builder = builder.dangerous().with_custom_certificate_verifier(verifier);
    let Some(identity) = identity else { return Ok(builder.with_no_client_auth()) };
    let chain = pem("cert", &identity.certificate)?;
    let key = PrivateKeyDer::from_pem_file(&identity.key)
        .map_err(|why| Error::invalid(format_args!("key: {} cannot be read: {why}", identity.key.display())))?;
    let made = builder.with_client_auth_cert(chain, key);
    made.map_err(|why| Error::invalid(format_args!("cert and key cannot be used together: {why}")))
}

/// The certificates in a PEM file; `setting` is what names the file.
fn pem(setting: &str, file: &PathBuf) -> Result<Vec<CertificateDer<'static>>> {
    let found: Vec<_> = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect)
        .map_err(|why| Error::invalid(format_args!("{setting}: {} cannot be read: {why}", file.display())))?;
    if found.is_empty() {
        return Err(Error::invalid(format_args!("{setting}: {} holds no PEM certificate", file.display())));
    }
    Ok(found)
}

/// Takes the certificate with this fingerprint alone (None: any), and has its owner prove that he owns it.
#[derive(Debug)]
struct Pinned {
    pin: Option<String>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        match &self.pin {
            Some(pin) if *pin != fingerprint(certificate) => {
                Err(rustls::Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
            }
            _ => Ok(ServerCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_tells_its_port_even_where_it_is_the_usual_one() {
        let read = |address: &str| Server::read(address, 12150).unwrap();
        assert_eq!(read("wss://bsd1"), Server { is_secure: true, host: "bsd1".into(), port: 12150 });
        assert_eq!(read("wss://bsd1:443/").port, 443);
        assert_eq!(read("ws://bsd1:80").port, 80);
        assert_eq!(read("https://[::1]:7").shown(), "[::1]:7");
        assert!(read("ws://127.0.0.1:1").is_loopback() && !read("ws://bsd1").is_loopback());
    }
}

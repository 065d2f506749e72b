//! TLS towards a server: whose certificate is believed, and what is said when it is not.

use std::fmt;
use std::io;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use sha2::{Digest as _, Sha256};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::{Fingerprint, provider};

/// Why there is no encrypted connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    /// The certificate is not believed.
    #[error("{0}")]
    Certificate(Distrust, Fingerprint),
    /// What answers does not speak TLS, or speaks it in a way that we do not.
    #[error("the two sides cannot agree on an encryption: {0}")]
    Protocol(String),
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Socket(#[source] io::Error),
}

/// What is wrong with a certificate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Distrust {
    /// Its time is over.
    #[error("the certificate is out of date")]
    Expired,
    /// Its time has not begun.
    #[error("the certificate is not valid yet")]
    NotYet,
    /// It is somebody else's.
    #[error("the certificate is for another name")]
    WrongName,
    /// Nobody whom the system trusts vouches for it.
    #[error("nobody whom this computer trusts vouches for the certificate")]
    Unknown,
    /// Another certificate is trusted by its fingerprint.
    #[error("it is not the certificate that was trusted")]
    Another,
    /// It cannot be used.
    #[error("the certificate cannot be used: {0}")]
    Invalid(String),
}

/// Agrees on TLS over `stream` with the server called `host`, which is told whom we want (SNI). `trusted` is a certificate that
/// is believed whatever else is said of it.
pub(crate) async fn connect(
    stream: TcpStream,
    host: &str,
    trusted: Option<Fingerprint>,
) -> Result<TlsStream<TcpStream>, TlsError> {
    let name = ServerName::try_from(host.to_owned()).map_err(|error| TlsError::Protocol(error.to_string()))?;
    // The system's list is read from files or asked of the system, once.
    let roots = tokio::task::spawn_blocking(|| Arc::clone(&ROOTS)).await.map_err(|_| no_roots())?;
    connect_with(stream, name, trusted, roots).await
}

async fn connect_with(
    stream: TcpStream,
    name: ServerName<'static>,
    trusted: Option<Fingerprint>,
    roots: Arc<RootCertStore>,
) -> Result<TlsStream<TcpStream>, TlsError> {
    let verifier = Arc::new(Verifier::new(trusted, roots)?);
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| TlsError::Protocol(error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::<Verifier>::clone(&verifier))
        .with_no_client_auth();
    match TlsConnector::from(Arc::new(config)).connect(name, stream).await {
        Ok(stream) => Ok(stream),
        Err(error) => Err(verifier.explain(error)),
    }
}

/// Whom the operating system trusts.
static ROOTS: LazyLock<Arc<RootCertStore>> = LazyLock::new(|| {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::warn!(%error, "some certificates of the system cannot be read");
    }
    let mut roots = RootCertStore::empty();
    let (taken, unusable) = roots.add_parsable_certificates(found.certs);
    tracing::debug!(taken, unusable, "certificates that the system trusts");
    Arc::new(roots)
});

fn no_roots() -> TlsError {
    TlsError::Protocol("the certificates that the system trusts cannot be read".to_owned())
}

/// Believes the certificate that was trusted by its fingerprint, and else whom the system trusts.
struct Verifier {
    trusted: Option<Fingerprint>,
    /// `None` where the system trusts nobody.
    public: Option<Arc<WebPkiServerVerifier>>,
    /// The certificate that the server showed.
    shown: Mutex<Option<Fingerprint>>,
}

impl Verifier {
    fn new(trusted: Option<Fingerprint>, roots: Arc<RootCertStore>) -> Result<Self, TlsError> {
        let public = if roots.is_empty() {
            None
        } else {
            let built = WebPkiServerVerifier::builder_with_provider(roots, provider()).build();
            Some(built.map_err(|error| TlsError::Protocol(error.to_string()))?)
        };
        Ok(Self { trusted, public, shown: Mutex::default() })
    }

    fn explain(&self, error: io::Error) -> TlsError {
        let shown = *self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
        match (inner, shown) {
            (Some(Error::InvalidCertificate(certificate)), Some(shown)) => {
                TlsError::Certificate(self.distrust(certificate), shown)
            }
            (Some(error), _) => TlsError::Protocol(error.to_string()),
            (None, _) => TlsError::Socket(error),
        }
    }

    fn distrust(&self, error: &CertificateError) -> Distrust {
        let said = match error {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => Distrust::Expired,
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => Distrust::NotYet,
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => Distrust::WrongName,
            // The latter where somebody trusted has the same name, as tools that make certificates all give theirs.
            CertificateError::UnknownIssuer | CertificateError::BadSignature => Distrust::Unknown,
            // A certificate that may vouch for others vouches for itself: what tools make that know no better.
            CertificateError::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => Distrust::Unknown,
            other => Distrust::Invalid(other.to_string()),
        };
        if said == Distrust::Unknown && self.trusted.is_some() { Distrust::Another } else { said }
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").field("trusted", &self.trusted).finish_non_exhaustive()
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let shown = Fingerprint::new(Sha256::digest(certificate.as_ref()).into());
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = Some(shown);
        if self.trusted == Some(shown) {
            return Ok(ServerCertVerified::assertion());
        }
        match &self.public {
            Some(public) => public.verify_server_cert(certificate, others, name, ocsp, now),
            None => Err(Error::InvalidCertificate(CertificateError::UnknownIssuer)),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &provider().signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &provider().signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider().signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
    use rustls::ServerConfig;
    use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;

    use super::*;

    /// An authority, and a certificate that it, or nobody, vouches for.
    struct Made {
        authority: CertifiedIssuer<'static, KeyPair>,
        certificate: CertificateDer<'static>,
        key: KeyPair,
    }

    fn made(name: &str, years: (i32, i32), vouched: bool) -> Made {
        let mut root = CertificateParams::new(Vec::new()).unwrap();
        root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(root, KeyPair::generate().unwrap()).unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(years.0, 1, 1);
        params.not_after = rcgen::date_time_ymd(years.1, 1, 1);
        let key = KeyPair::generate().unwrap();
        let certificate =
            if vouched { params.signed_by(&key, &authority) } else { params.self_signed(&key) }.unwrap().der().clone();
        Made { authority, certificate, key }
    }

    /// What a client that trusts the authority, and perhaps one certificate, has of such a server.
    async fn meet(made: &Made, trusted: Option<Fingerprint>) -> Result<(), TlsError> {
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.key.serialize_der()));
        let server = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.certificate.clone()], key)
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let _ = TlsAcceptor::from(Arc::new(server)).accept(stream).await;
        });
        let mut roots = RootCertStore::empty();
        roots.add(made.authority.der().clone()).unwrap();
        let stream = TcpStream::connect(address).await.unwrap();
        let name = ServerName::try_from("live.example.com").unwrap();
        let met = connect_with(stream, name, trusted, Arc::new(roots)).await.map(drop);
        serving.await.unwrap();
        met
    }

    fn fingerprint(made: &Made) -> Fingerprint {
        Fingerprint::new(Sha256::digest(made.certificate.as_ref()).into())
    }

    #[tokio::test]
    async fn a_certificate_is_believed_by_who_vouches_for_it_and_else_its_fault_is_named() {
        meet(&made("live.example.com", (2020, 2090), true), None).await.unwrap();
        for (made, fault) in [
            (made("live.example.com", (2000, 2001), true), Distrust::Expired),
            (made("live.example.com", (2088, 2090), true), Distrust::NotYet),
            (made("other.example.com", (2020, 2090), true), Distrust::WrongName),
            (made("live.example.com", (2020, 2090), false), Distrust::Unknown),
        ] {
            match meet(&made, None).await {
                Err(TlsError::Certificate(said, shown)) => assert_eq!((said, shown), (fault, fingerprint(&made))),
                other => panic!("{fault}: {other:?}"),
            }
        }
    }

    #[tokio::test]
    async fn a_certificate_that_was_trusted_is_believed_and_no_other_in_its_place() {
        let own = made("whatever", (2000, 2001), false);
        meet(&own, Some(fingerprint(&own))).await.unwrap();
        let another = made("live.example.com", (2020, 2090), false);
        let met = meet(&another, Some(fingerprint(&own))).await;
        assert!(matches!(met, Err(TlsError::Certificate(Distrust::Another, _))), "{met:?}");
    }

    #[tokio::test]
    async fn what_does_not_speak_tls_is_named() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut server, _) = listener.accept().await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut server, b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        let met = connect(stream, "localhost", None).await;
        assert!(matches!(met, Err(TlsError::Protocol(_))), "{met:?}");
    }
}

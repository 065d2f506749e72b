//! A TLS front for a server that speaks plain TCP, with a certificate of the test's own making.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use sha2::{Digest as _, Sha256};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::process::Outcome;

/// Whoever looks for what is wrong finds it in the sentence.
fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// A certificate with its key.
pub(crate) struct Certificate {
    der: CertificateDer<'static>,
    key: KeyPair,
}

impl Certificate {
    /// For `localhost`, vouched for by nobody.
    pub(crate) fn of_nobody() -> Outcome<Self> {
        let key = KeyPair::generate().map_err(text)?;
        let params = CertificateParams::new(vec!["localhost".to_owned()]).map_err(text)?;
        Ok(Self { der: params.self_signed(&key).map_err(text)?.der().clone(), key })
    }
}

impl Certificate {
    /// SHA-256 of it, 64 hexadecimal digits.
    pub(crate) fn fingerprint(&self) -> String {
        Sha256::digest(&self.der).iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Somebody who vouches for certificates, and a file that makes programs trust them.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    file: PathBuf,
    _folder: tempfile::TempDir,
}

impl Authority {
    pub(crate) fn new() -> Outcome<Self> {
        let mut params = CertificateParams::new(Vec::new()).map_err(text)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().map_err(text)?).map_err(text)?;
        let folder = tempfile::tempdir().map_err(text)?;
        let file = folder.path().join("authority.pem");
        std::fs::write(&file, issuer.pem()).map_err(text)?;
        Ok(Self { issuer, file, _folder: folder })
    }

    /// The file, for `SSL_CERT_FILE`: whom it names is then trusted instead of whom the system trusts.
    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    /// A certificate for `name` that holds from the first day of the first of `years` to that of the second.
    pub(crate) fn vouch(&self, name: &str, years: (i32, i32)) -> Outcome<Certificate> {
        let mut params = CertificateParams::new(vec![name.to_owned()]).map_err(text)?;
        params.not_before = rcgen::date_time_ymd(years.0, 1, 1);
        params.not_after = rcgen::date_time_ymd(years.1, 1, 1);
        let key = KeyPair::generate().map_err(text)?;
        Ok(Certificate { der: params.signed_by(&key, &self.issuer).map_err(text)?.der().clone(), key })
    }
}

pub(crate) struct TlsFront {
    address: SocketAddr,
    _runtime: tokio::runtime::Runtime,
}

impl TlsFront {
    /// Before the server at `server`.
    pub(crate) fn of(server: SocketAddr, certificate: &Certificate) -> Outcome<Self> {
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(certificate.key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(text)?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der.clone()], key)
            .map_err(text)?;
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().map_err(text)?;
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).map_err(text)?;
        let address = listener.local_addr().map_err(text)?;
        let acceptor = TlsAcceptor::from(Arc::new(config));
        runtime.spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    let mut client = acceptor.accept(client).await?;
                    let mut server = TcpStream::connect(server).await?;
                    copy_bidirectional(&mut client, &mut server).await
                });
            }
        });
        Ok(Self { address, _runtime: runtime })
    }

    pub(crate) const fn port(&self) -> u16 {
        self.address.port()
    }
}

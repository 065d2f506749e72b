//! TLS: what listeners and destinations share.
//!
//! rustls with the *ring* provider: small, no C tool chain beyond what ring brings, and the same on every system. The provider
//! is handed over explicitly, so that no process-wide default has to be installed before anything else.

mod client;
mod config;
mod fingerprint;
mod make;
mod names;
mod pem;
mod store;

use std::sync::Arc;

use rustls::crypto::CryptoProvider;

pub(crate) use client::{Distrust, TlsError, connect};
pub use config::Config;
pub use fingerprint::{Fingerprint, FingerprintError};
pub(crate) use names::is_name;
pub use pem::{Info, Pair, PairError};
pub use store::{CertificateError, Certificates, RENEW_BEFORE, Source, Status, check_files};

/// The cryptography of every TLS connection.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

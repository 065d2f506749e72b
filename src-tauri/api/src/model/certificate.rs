//! The certificate that encrypted listeners show.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use weir_engine::tls;

use super::time::rfc3339;

/// Where a certificate comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CertificateSource {
    /// Weir made it for this computer; nobody else vouches for it.
    Made,
    /// Somebody imported it.
    Imported,
    /// It is read from the files that the settings name.
    Files,
}

/// The certificate in force. Nothing of it is secret; the private key is never shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Certificate {
    /// Where it comes from.
    pub source: CertificateSource,
    /// Whom it is for, in its own words.
    #[schema(example = "Weir on studio")]
    pub subject: String,
    /// Who vouches for it, in its own words.
    pub issuer: String,
    /// Whether nobody else vouches for it. Then other programs must be told to trust it, and OBS never does.
    pub self_signed: bool,
    /// Names and addresses that it is valid for.
    #[schema(example = json!(["localhost", "127.0.0.1", "studio.local"]))]
    pub names: Vec<String>,
    /// From when it is valid, RFC 3339.
    #[schema(format = DateTime)]
    pub not_before: String,
    /// Until when it is valid, RFC 3339.
    #[schema(format = DateTime)]
    pub not_after: String,
    /// Whole days until then.
    pub days_left: u64,
    /// When Weir renews it by itself, RFC 3339; null when it does not.
    #[schema(format = DateTime)]
    pub renewed_at: Option<String>,
    /// SHA-256 of it, 64 hexadecimal digits, to be compared with what another program shows.
    pub fingerprint: String,
    /// The certificate as text, to be saved as `weir.crt` and trusted elsewhere.
    pub pem: String,
    /// How to trust it elsewhere; empty when that is not needed.
    pub trust: Vec<TrustStep>,
}

/// How to make one system or program trust the certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct TrustStep {
    /// The system or program: `windows`, `macos`, `linux`, `ffmpeg`, `obs`.
    #[schema(example = "windows")]
    pub system: String,
    /// One or two plain sentences.
    pub text: String,
    /// A command to copy; null where there is none.
    pub command: Option<String>,
}

/// A certificate with its key to be used from now on.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CertificateCreate {
    /// The certificate in PEM form: the server's own first, then those above it.
    pub certificate: String,
    /// Its private key in PEM form, not encrypted.
    pub key: String,
    /// The name that encoders will use; it is checked that the certificate is for it. Default: not checked.
    pub server_name: Option<String>,
}

/// Holds a private key.
impl std::fmt::Debug for CertificateCreate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CertificateCreate")
    }
}

impl Certificate {
    pub(crate) fn new(status: tls::Status, now: SystemTime) -> Self {
        let info = status.info;
        let left = info.not_after.duration_since(now).unwrap_or_default();
        Self {
            source: match status.source {
                tls::Source::Made => CertificateSource::Made,
                tls::Source::Imported => CertificateSource::Imported,
                tls::Source::Files => CertificateSource::Files,
            },
            trust: if info.self_signed { trust() } else { Vec::new() },
            subject: info.subject,
            issuer: info.issuer,
            self_signed: info.self_signed,
            names: info.names,
            not_before: rfc3339(info.not_before),
            not_after: rfc3339(info.not_after),
            days_left: left.as_secs() / (24 * 3600),
            renewed_at: status.renewed_at.map(rfc3339),
            fingerprint: info.fingerprint.to_string(),
            pem: status.pem,
        }
    }
}

fn trust() -> Vec<TrustStep> {
    let step = |system: &str, text: &str, command: Option<&str>| TrustStep {
        system: system.to_owned(),
        text: text.to_owned(),
        command: command.map(str::to_owned),
    };
    vec![
        step(
            "windows",
            "Save it as weir.crt, open it, choose Install Certificate, Current User, and the store Trusted Root Certification Authorities.",
            Some("certutil -user -addstore Root weir.crt"),
        ),
        step(
            "macos",
            "Save it as weir.crt, open it in Keychain Access, and set it to Always Trust.",
            Some("security add-trusted-cert -r trustRoot -k ~/Library/Keychains/login.keychain-db weir.crt"),
        ),
        step(
            "linux",
            "Save it as weir.crt in the folder of local authorities and bring the list up to date.",
            Some("sudo cp weir.crt /usr/local/share/ca-certificates/ && sudo update-ca-certificates"),
        ),
        step(
            "ffmpeg",
            "Save it as weir.crt and name it on the command line.",
            Some("ffmpeg -ca_file weir.crt -tls_verify 1 -i rtmps://localhost:1936/live/show -f null -"),
        ),
        step(
            "obs",
            "OBS brings a list of authorities of its own and takes no other certificate. On this computer send to rtmp://; from another one use a certificate of a known authority.",
            None,
        ),
    ]
}

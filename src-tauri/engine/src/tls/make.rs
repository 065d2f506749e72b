//! Making a certificate of one's own: for a computer that nobody vouches for.

use std::time::{Duration, SystemTime};

use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose};
use weir_media::Secret;

use super::pem::Pair;

/// How long it is valid: what browsers and systems take at most is 398 days.
pub(crate) const VALID: Duration = Duration::from_secs(397 * 24 * 3600);
/// How long before its making it is valid: clocks of other computers may be behind.
const LEEWAY: Duration = Duration::from_secs(24 * 3600);

/// No certificate could be made; a bug or no randomness.
#[derive(Debug, thiserror::Error)]
#[error("no certificate could be made: {0}")]
pub(crate) struct MakeError(#[from] rcgen::Error);

/// A certificate for `names` (names and addresses) with a key of its own: ECDSA on P-256, which every client knows.
pub(crate) fn certificate(names: &[String], host: &str, now: SystemTime) -> Result<Pair, MakeError> {
    let mut params = CertificateParams::new(names)?;
    let called = if host.is_empty() { "Weir".to_owned() } else { format!("Weir on {host}") };
    params.distinguished_name.push(DnType::CommonName, called);
    params.not_before = (now - LEEWAY).into();
    params.not_after = (now + VALID - LEEWAY).into();
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?;
    Ok(Pair { certificate: certificate.pem(), key: Secret::new(key.serialize_pem()) })
}

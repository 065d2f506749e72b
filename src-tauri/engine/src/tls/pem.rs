//! A certificate and its key as text, and in plain words whatever is wrong with them.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::pki_types::pem::{self, PemObject as _, SectionKind};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer};
use rustls::sign::CertifiedKey;
use sha2::{Digest as _, Sha256};
use weir_media::Secret;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::Fingerprint;

/// A certificate chain and the key of its first certificate, both PEM.
#[derive(Clone)]
pub struct Pair {
    /// The server's certificate, then those above it.
    pub certificate: String,
    /// The private key.
    pub key: Secret<String>,
}

/// Shows nothing: people put the key beside the certificate.
impl std::fmt::Debug for Pair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pair")
    }
}

/// What people should know of a certificate. Nothing of it is secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Info {
    /// Whom it is for, in its own words.
    pub subject: String,
    /// Who vouches for it, in its own words.
    pub issuer: String,
    /// Whether nobody else vouches for it.
    pub self_signed: bool,
    /// The names and addresses that it is valid for.
    pub names: Vec<String>,
    /// From when it is valid.
    pub not_before: SystemTime,
    /// Until when it is valid.
    pub not_after: SystemTime,
    /// SHA-256 of the certificate, by which people recognise it.
    pub fingerprint: Fingerprint,
}

/// A pair that was checked and can be used.
#[derive(Debug)]
pub(crate) struct Checked {
    pub(crate) key: Arc<CertifiedKey>,
    pub(crate) info: Info,
    /// The chain as text, without any key.
    pub(crate) certificate: String,
}

/// Why a pair cannot be used, in words for the one who brought it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PairError {
    /// The certificate text holds no certificate.
    #[error("there is no certificate in what was given as certificate; it begins with -----BEGIN CERTIFICATE-----")]
    NoCertificate,
    /// The two were given the other way round.
    #[error("certificate and key were given the other way round")]
    Swapped,
    /// The text is no PEM.
    #[error("{0} is not in PEM form, which is text between -----BEGIN and -----END lines; convert it first")]
    NotPem(&'static str),
    /// A part of the text is broken.
    #[error("{0} is damaged: a part between its -----BEGIN and -----END lines cannot be read")]
    Damaged(&'static str),
    /// The key text holds no key.
    #[error("there is no private key in what was given as key; it begins with -----BEGIN PRIVATE KEY-----")]
    NoKey,
    /// The key is encrypted.
    #[error(
        "the key is encrypted with a password; decrypt it first, for example with: openssl pkey -in key.pem -out plain.pem"
    )]
    EncryptedKey,
    /// The key is of a kind that TLS here cannot use.
    #[error(
        "the key is of a kind that cannot be used; use RSA with 2048 bits or more, ECDSA on P-256 or P-384, or Ed25519"
    )]
    UnusableKey,
    /// The key belongs to another certificate.
    #[error("the key does not belong to the certificate; take the key that the certificate was made with")]
    KeyMismatch,
    /// The certificates stand in the wrong order.
    #[error(
        "the certificates are in the wrong order: the server's own comes first, then the one that signed it, and so on"
    )]
    WrongOrder,
    /// It is no longer valid.
    #[error("the certificate {subject} expired on {on}; get a new one")]
    Expired {
        /// Which.
        subject: String,
        /// The day.
        on: String,
    },
    /// It is not valid yet.
    #[error("the certificate {subject} is valid from {on} on only; wait, or set this computer's clock")]
    NotYetValid {
        /// Which.
        subject: String,
        /// The day.
        on: String,
    },
    /// It holds no name at all.
    #[error(
        "the certificate names no server (it has no subject alternative name), so no program accepts it; get one with names"
    )]
    NoNames,
    /// It does not hold the name that is wanted.
    #[error("the certificate is not for {wanted}; it is for {names}")]
    WrongName {
        /// What it should be for.
        wanted: String,
        /// What it is for.
        names: String,
    },
    /// It is a certificate for something else than servers.
    #[error("the certificate is not for servers; get one for TLS servers")]
    NotForServers,
}

impl PairError {
    /// A fixed word for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoCertificate => "no_certificate",
            Self::Swapped => "certificate_and_key_swapped",
            Self::NotPem(_) => "not_pem",
            Self::Damaged(_) => "damaged_pem",
            Self::NoKey => "no_key",
            Self::EncryptedKey => "encrypted_key",
            Self::UnusableKey => "unusable_key",
            Self::KeyMismatch => "key_mismatch",
            Self::WrongOrder => "wrong_order",
            Self::Expired { .. } => "certificate_expired",
            Self::NotYetValid { .. } => "certificate_not_yet_valid",
            Self::NoNames => "certificate_without_names",
            Self::WrongName { .. } => "wrong_name",
            Self::NotForServers => "not_for_servers",
        }
    }
}

impl Pair {
    /// Checks everything that would make a client refuse it. `wanted` is the name that clients will use, where it is known.
    pub(crate) fn check(&self, wanted: Option<&str>, now: SystemTime) -> Result<Checked, PairError> {
        let chain = chain(&self.certificate)?;
        let key = private_key(self.key.expose())?;
        let key = rustls::crypto::ring::sign::any_supported_type(&key).map_err(|_| PairError::UnusableKey)?;
        let certified = CertifiedKey::new(chain, key);
        let parsed: Vec<X509Certificate<'_>> = certified.cert.iter().map(|der| parse(der)).collect::<Result<_, _>>()?;
        let Some(own) = parsed.first() else { return Err(PairError::NoCertificate) };
        check_key(&certified, &parsed)?;
        let in_order = parsed.windows(2).all(|pair| matches!(pair, [one, above] if one.issuer() == above.subject()));
        if !in_order {
            return Err(PairError::WrongOrder);
        }
        parsed.iter().try_for_each(|certificate| check_time(certificate, now))?;
        let for_servers =
            own.extended_key_usage().ok().flatten().is_none_or(|usage| usage.value.server_auth || usage.value.any);
        if !for_servers {
            return Err(PairError::NotForServers);
        }
        let info = info(own, certified.cert.first().map(|der| der.as_ref()).unwrap_or_default());
        if info.names.is_empty() {
            return Err(PairError::NoNames);
        }
        if let Some(wanted) = wanted.filter(|wanted| !covers(&info.names, wanted)) {
            return Err(PairError::WrongName { wanted: wanted.to_owned(), names: info.names.join(", ") });
        }
        Ok(Checked { info, certificate: only_certificates(&self.certificate), key: Arc::new(certified) })
    }
}

fn chain(text: &str) -> Result<Vec<CertificateDer<'static>>, PairError> {
    let sections = sections(text, "the certificate")?;
    let chain: Vec<_> = sections
        .iter()
        .filter(|(kind, _)| *kind == SectionKind::Certificate)
        .map(|(_, der)| CertificateDer::from(der.clone()))
        .collect();
    match (chain.is_empty(), sections.iter().any(|(kind, _)| is_key(*kind))) {
        (false, _) => Ok(chain),
        (true, true) => Err(PairError::Swapped),
        (true, false) => Err(PairError::NoCertificate),
    }
}

fn private_key(text: &str) -> Result<PrivateKeyDer<'static>, PairError> {
    if text.contains("BEGIN ENCRYPTED PRIVATE KEY") || text.contains("Proc-Type: 4,ENCRYPTED") {
        return Err(PairError::EncryptedKey);
    }
    let sections = sections(text, "the key")?;
    let other = sections.iter().any(|(kind, _)| *kind == SectionKind::Certificate);
    let key = sections.into_iter().find(|(kind, _)| is_key(*kind));
    match key {
        Some((SectionKind::RsaPrivateKey, der)) => Ok(PrivatePkcs1KeyDer::from(der).into()),
        Some((SectionKind::EcPrivateKey, der)) => Ok(PrivateSec1KeyDer::from(der).into()),
        Some((_, der)) => Ok(PrivatePkcs8KeyDer::from(der).into()),
        None if other => Err(PairError::Swapped),
        None => Err(PairError::NoKey),
    }
}

fn sections(text: &str, what: &'static str) -> Result<Vec<(SectionKind, Vec<u8>)>, PairError> {
    if !text.contains("-----BEGIN ") {
        return Err(if text.trim().is_empty() { empty(what) } else { PairError::NotPem(what) });
    }
    <(SectionKind, Vec<u8>)>::pem_slice_iter(text.as_bytes())
        .collect::<Result<_, pem::Error>>()
        .map_err(|_| PairError::Damaged(what))
}

fn empty(what: &str) -> PairError {
    if what == "the key" { PairError::NoKey } else { PairError::NoCertificate }
}

const fn is_key(kind: SectionKind) -> bool {
    matches!(kind, SectionKind::PrivateKey | SectionKind::RsaPrivateKey | SectionKind::EcPrivateKey)
}

/// Whoever gives key and chain in one file should not get the key back with the chain.
fn only_certificates(text: &str) -> String {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
    const END: &str = "-----END CERTIFICATE-----";
    let mut only = String::new();
    let mut rest = text;
    while let Some((certificate, after)) =
        rest.find(BEGIN).and_then(|at| rest.get(at..)).and_then(|from| from.split_once(END))
    {
        only.push_str(certificate);
        only.push_str(END);
        only.push('\n');
        rest = after;
    }
    only
}

fn parse<'a>(der: &'a CertificateDer<'_>) -> Result<X509Certificate<'a>, PairError> {
    X509Certificate::from_der(der)
        .map(|(_, certificate)| certificate)
        .map_err(|_| PairError::Damaged("the certificate"))
}

/// The key belongs to the first certificate; a key of a later one shows what is wrong.
fn check_key(certified: &CertifiedKey, parsed: &[X509Certificate<'_>]) -> Result<(), PairError> {
    let Some(public) = certified.key.public_key() else { return Ok(()) };
    let belongs = |certificate: &X509Certificate<'_>| certificate.public_key().raw == public.as_ref();
    match parsed.iter().position(belongs) {
        Some(0) => Ok(()),
        Some(_) => Err(PairError::WrongOrder),
        None => Err(PairError::KeyMismatch),
    }
}

fn check_time(certificate: &X509Certificate<'_>, now: SystemTime) -> Result<(), PairError> {
    let now = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64);
    let validity = certificate.validity();
    let subject = subject(certificate);
    if validity.not_after.timestamp() < now {
        return Err(PairError::Expired { subject, on: day(validity.not_after.timestamp()) });
    }
    if validity.not_before.timestamp() > now {
        return Err(PairError::NotYetValid { subject, on: day(validity.not_before.timestamp()) });
    }
    Ok(())
}

fn info(certificate: &X509Certificate<'_>, der: &[u8]) -> Info {
    let validity = certificate.validity();
    Info {
        subject: subject(certificate),
        issuer: words(certificate.issuer()),
        self_signed: certificate.issuer() == certificate.subject(),
        names: names(certificate),
        not_before: time(validity.not_before.timestamp()),
        not_after: time(validity.not_after.timestamp()),
        fingerprint: Fingerprint::new(Sha256::digest(der).into()),
    }
}

fn subject(certificate: &X509Certificate<'_>) -> String {
    words(certificate.subject())
}

/// The common name, or all there is.
fn words(name: &x509_parser::x509::X509Name<'_>) -> String {
    let common = name.iter_common_name().next().and_then(|name| name.as_str().ok()).map(str::to_owned);
    common.unwrap_or_else(|| name.to_string())
}

fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(names)) = certificate.subject_alternative_name() else { return Vec::new() };
    let name = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => match bytes.len() {
            4 => <[u8; 4]>::try_from(*bytes).ok().map(|octets| std::net::IpAddr::from(octets).to_string()),
            16 => <[u8; 16]>::try_from(*bytes).ok().map(|octets| std::net::IpAddr::from(octets).to_string()),
            _ => None,
        },
        _ => None,
    };
    names.value.general_names.iter().filter_map(name).collect()
}

/// Whether one of `names` is `wanted`, or covers it by a star.
pub(crate) fn covers(names: &[String], wanted: &str) -> bool {
    names.iter().any(|name| {
        name.eq_ignore_ascii_case(wanted)
            || name.strip_prefix("*.").is_some_and(|base| {
                wanted.split_once('.').is_some_and(|(first, rest)| !first.is_empty() && rest.eq_ignore_ascii_case(base))
            })
    })
}

fn time(seconds: i64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
}

fn day(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds)
        .map_or_else(|_| "an unknown day".to_owned(), |at| at.strftime("%Y-%m-%d").to_string())
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};

    use super::*;

    struct Made {
        pem: String,
        key: String,
    }

    fn now() -> SystemTime {
        SystemTime::now()
    }

    const DAY: Duration = Duration::from_secs(86_400);

    fn made(names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Made {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.not_before = (now() - DAY).into();
        params.not_after = (now() + DAY).into();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        Made { pem: params.self_signed(&key).unwrap().pem(), key: key.serialize_pem() }
    }

    /// A server's certificate, the authority's that signed it, and the server's key.
    fn chain() -> (String, String, String) {
        let mut authority = CertificateParams::new(Vec::new()).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.distinguished_name.push(rcgen::DnType::CommonName, "an authority");
        let authority_key = KeyPair::generate().unwrap();
        let above = authority.self_signed(&authority_key).unwrap().pem();
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["stream.example.org".to_owned()]).unwrap();
        let own = params.signed_by(&key, &Issuer::new(authority, authority_key)).unwrap().pem();
        (own, above, key.serialize_pem())
    }

    #[test]
    fn every_bad_pair_is_refused_for_what_is_wrong_with_it() {
        let good = made(&["stream.example.org", "192.0.2.1"], |_| ());
        let other = made(&["stream.example.org"], |_| ());
        let expired = made(&["a.example"], |params| params.not_after = (now() - DAY / 2).into());
        let early = made(&["a.example"], |params| params.not_before = (now() + DAY / 2).into());
        let nameless = made(&[], |_| ());
        let client =
            made(&["a.example"], |params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth]);
        let (own, above, key) = chain();
        let damaged = good.pem.replacen("MII", "M!I", 1);
        let cut = good.pem.lines().take(4).collect::<Vec<_>>().join("\n");
        let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
        let old_encrypted = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n";
        let weak = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
        let public = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n";
        let joined = |one: &str, two: &str| format!("{one}{two}");
        let table = [
            ("no certificate", String::new(), good.key.clone(), "no_certificate"),
            ("no certificate but something else", public.to_owned(), good.key.clone(), "no_certificate"),
            ("the two swapped", good.key.clone(), good.pem.clone(), "certificate_and_key_swapped"),
            ("a certificate for a key", good.pem.clone(), good.pem.clone(), "certificate_and_key_swapped"),
            ("no PEM", "\u{fffd}0\u{fffd}binary".to_owned(), good.key.clone(), "not_pem"),
            ("damaged", damaged, good.key.clone(), "damaged_pem"),
            ("cut off", cut, good.key.clone(), "damaged_pem"),
            ("no key", good.pem.clone(), String::new(), "no_key"),
            ("a public key", good.pem.clone(), public.to_owned(), "no_key"),
            ("an encrypted key", good.pem.clone(), encrypted.to_owned(), "encrypted_key"),
            ("an encrypted key of old", good.pem.clone(), old_encrypted.to_owned(), "encrypted_key"),
            ("a key of no use", good.pem.clone(), weak.to_owned(), "unusable_key"),
            ("the key of another", good.pem.clone(), other.key.clone(), "key_mismatch"),
            ("the wrong order", joined(&above, &own), key.clone(), "wrong_order"),
            ("something foreign above it", joined(&own, &other.pem), key, "wrong_order"),
            ("expired", expired.pem, expired.key, "certificate_expired"),
            ("not valid yet", early.pem, early.key, "certificate_not_yet_valid"),
            ("without a name", nameless.pem, nameless.key, "certificate_without_names"),
            ("for clients", client.pem, client.key, "not_for_servers"),
        ];
        for (what, certificate, key, code) in table {
            let pair = Pair { certificate, key: Secret::new(key.clone()) };
            let error = pair.check(None, now()).expect_err(what);
            assert_eq!(error.code(), code, "{what}: {error}");
            assert!(!error.to_string().contains('\n') && error.to_string().len() > 30, "{what}: {error}");
            let secret = key.lines().nth(1).filter(|line| line.len() > 8);
            assert!(secret.is_none_or(|line| !error.to_string().contains(line)), "{what}");
        }
        let pair = Pair { certificate: good.pem.clone(), key: Secret::new(good.key) };
        let error = pair.check(Some("other.example.org"), now()).unwrap_err();
        assert_eq!(error.code(), "wrong_name");
        assert!(error.to_string().contains("it is for stream.example.org, 192.0.2.1"), "{error}");
        for wanted in [None, Some("stream.example.org"), Some("STREAM.example.org"), Some("192.0.2.1")] {
            assert_eq!(pair.check(wanted, now()).unwrap().info.names, ["stream.example.org", "192.0.2.1"]);
        }
    }

    #[test]
    fn a_good_chain_is_taken_and_a_key_among_it_is_not_given_back() {
        let (own, above, key) = chain();
        let pair =
            Pair { certificate: format!("{key}{own}a comment\n{above}"), key: Secret::new(format!("{own}{key}")) };
        let checked = pair.check(Some("stream.example.org"), now()).unwrap();
        assert!(!checked.info.self_signed && checked.info.issuer == "an authority");
        assert_eq!(checked.certificate, format!("{}\n{}\n", own.trim(), above.trim()).replace("\r\n", "\n"));
        assert!(!format!("{pair:?}{checked:?}").contains(key.lines().nth(1).unwrap()));
    }

    #[test]
    fn a_star_covers_one_label() {
        let names = ["*.example.org".to_owned()];
        for (wanted, covered) in [("a.example.org", true), ("a.b.example.org", false), ("example.org", false)] {
            assert_eq!(covers(&names, wanted), covered, "{wanted}");
        }
    }
}

//! The certificate in force: found, made, renewed and replaced while connections go on.
//!
//! What is shown to the next client is looked up at each handshake, so a new certificate concerns new connections alone.

use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use rustls::ServerConfig;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use weir_media::Secret;

use super::pem::{Checked, Info, Pair, PairError, covers};
use super::{Config, make, names};
use crate::event::{Event, Events};
use crate::paths::{self, Access};
use crate::problem::{Problems, Report};
use crate::supervise::{End, Supervisor};

/// How long before its end a made certificate is renewed: whoever has to trust the new one gets a month for it.
pub const RENEW_BEFORE: Duration = Duration::from_secs(30 * 24 * 3600);
/// How long before its end a certificate of somebody else is worth a warning.
const WARN_BEFORE: Duration = Duration::from_secs(14 * 24 * 3600);
/// How often it is looked whether anything is due or a file has changed.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// How often a warning is repeated.
const WARN_EVERY: Duration = Duration::from_secs(24 * 3600);
/// Largest PEM file that is read; a chain of five certificates has 10 kB.
const MAX_PEM: u64 = 256 << 10;

/// The certificate of encrypted listeners. Cheap to clone; clones share.
#[derive(Debug, Clone)]
pub struct Certificates(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    events: Events,
    problems: Problems,
    folder: PathBuf,
    config: RwLock<Config>,
    current: Arc<Current>,
    server: Arc<ServerConfig>,
    /// One change at a time.
    changing: Mutex<()>,
    warned: Mutex<Option<SystemTime>>,
    /// When the files were written that could not be taken: told once, not at each look.
    failed: Mutex<Option<[SystemTime; 2]>>,
    reach: Mutex<Reach>,
}

/// By which addresses encrypted listeners are reached.
#[derive(Debug, Default)]
struct Reach {
    /// Whether other devices reach any.
    open: bool,
    /// Addresses that the certificate does not name, of which people were told.
    told: Vec<IpAddr>,
}

/// What the next handshake shows.
#[derive(Debug, Default)]
struct Current(RwLock<Option<Arc<Loaded>>>);

#[derive(Debug)]
struct Loaded {
    source: Source,
    checked: Checked,
    /// When its files were written, for those of the settings.
    written: Option<[SystemTime; 2]>,
}

/// Where a certificate comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Weir made it.
    Made,
    /// Somebody imported it.
    Imported,
    /// It is read from the files of the settings.
    Files,
}

/// The certificate in force, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Where it comes from.
    pub source: Source,
    /// What it says.
    pub info: Info,
    /// When Weir renews it by itself, if it does.
    pub renewed_at: Option<SystemTime>,
    /// The chain as text, to be trusted elsewhere. Holds no key.
    pub pem: String,
}

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// Files cannot be read or written.
    #[error("the file {} cannot be used: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Only one of the two is set.
    #[error("tls.cert and tls.key are set both or not at all")]
    Half,
    /// The pair cannot be used.
    #[error(transparent)]
    Pair(#[from] PairError),
    /// None could be made.
    #[error("{0}")]
    Make(String),
}

impl CertificateError {
    /// A fixed word for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::File { .. } => "certificate_unreadable",
            Self::Half => "certificate_without_key",
            Self::Pair(error) => error.code(),
            Self::Make(_) => "certificate_not_made",
        }
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.get().map(|loaded| Arc::clone(&loaded.checked.key))
    }
}

impl Current {
    fn get(&self) -> Option<Arc<Loaded>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, loaded: Option<Loaded>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = loaded.map(Arc::new);
    }
}

impl Certificates {
    /// Certificates in `folder`. None is looked for before it is needed.
    pub fn new(events: Events, problems: Problems, config: &Config, folder: PathBuf) -> Result<Self, rustls::Error> {
        let current = Arc::new(Current::default());
        let server = ServerConfig::builder_with_provider(super::provider())
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&current) as Arc<dyn ResolvesServerCert>);
        Ok(Self(Arc::new(Inner {
            events,
            problems,
            folder,
            config: RwLock::new(config.clone()),
            current,
            server: Arc::new(server),
            changing: Mutex::default(),
            warned: Mutex::default(),
            failed: Mutex::default(),
            reach: Mutex::default(),
        })))
    }

    /// For a new connection.
    pub(crate) fn server(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.0.server)
    }

    /// The certificate in force.
    pub fn status(&self) -> Option<Status> {
        let loaded = self.0.current.get()?;
        let info = loaded.checked.info.clone();
        Some(Status {
            source: loaded.source,
            renewed_at: (loaded.source == Source::Made).then(|| info.not_after - RENEW_BEFORE),
            info,
            pem: loaded.checked.certificate.clone(),
        })
    }

    /// Sees to it that there is a certificate. Blocks for small files.
    pub fn prepare(&self, now: SystemTime) -> Result<(), CertificateError> {
        if self.0.current.get().is_some() {
            return Ok(());
        }
        let _turn = self.turn();
        if self.0.current.get().is_none() {
            self.load(now)?;
        }
        Ok(())
    }

    /// Follows changed settings; on an error the certificate in force stays. Blocks for small files.
    pub fn apply(&self, config: &Config, now: SystemTime) -> Result<(), CertificateError> {
        *self.0.config.write().unwrap_or_else(PoisonError::into_inner) = config.clone();
        let _turn = self.turn();
        if self.0.current.get().is_some() { self.load(now) } else { Ok(()) }
    }

    /// As [`Certificates::apply`], off the runtime's threads, and told as a problem when it fails.
    pub(crate) async fn follow(&self, config: &Config) {
        let (certificates, config) = (self.clone(), config.clone());
        let applied = tokio::task::spawn_blocking(move || certificates.apply(&config, SystemTime::now())).await;
        if let Ok(Err(error)) = applied {
            self.report(&error);
        }
    }

    /// Takes a pair that somebody brings, from now on and after a restart. Blocks for small files.
    pub fn import(&self, pair: &Pair, wanted: Option<&str>, now: SystemTime) -> Result<(), CertificateError> {
        let checked = pair.check(wanted, now)?;
        let _turn = self.turn();
        self.keep("imported", pair)?;
        self.put(Loaded { source: Source::Imported, checked, written: None });
        Ok(())
    }

    /// Makes a certificate anew and forgets the imported pair, which stays when that fails. Blocks for small files.
    pub fn renew(&self, now: SystemTime) -> Result<(), CertificateError> {
        let _turn = self.turn();
        self.make(now)?;
        for file in self.files("imported") {
            match std::fs::remove_file(&file) {
                Err(source) if source.kind() != io::ErrorKind::NotFound => {
                    return Err(CertificateError::File { path: file, source });
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Does what is due: renews what Weir made, reads changed files again, warns of what ends soon. Blocks for small files.
    pub fn look(&self, now: SystemTime) -> Result<(), CertificateError> {
        let Some(loaded) = self.0.current.get() else { return Ok(()) };
        let left = loaded.checked.info.not_after.duration_since(now).unwrap_or_default();
        match loaded.source {
            Source::Made if left < RENEW_BEFORE => {
                let _turn = self.turn();
                self.make(now)
            }
            Source::Files if self.written() != loaded.written => {
                let written = self.written();
                let mut failed = self.0.failed.lock().unwrap_or_else(PoisonError::into_inner);
                if written == *failed {
                    return Ok(());
                }
                let _turn = self.turn();
                let read = self.load(now);
                *failed = written.filter(|_| read.is_err());
                read
            }
            Source::Files | Source::Imported if left < WARN_BEFORE => {
                self.warn(&loaded.checked.info, now);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Whether other devices reach an encrypted listener: only then its addresses matter.
    pub(crate) fn set_open(&self, open: bool) {
        self.reach().open = open;
    }

    /// Tells, once, when this computer has an address that the made certificate does not name. It is not made anew for that by
    /// itself: whoever trusts the one before would be cut off, although most of them come by another name.
    pub fn compare(&self, addresses: &[IpAddr]) {
        let Some(loaded) = self.0.current.get().filter(|loaded| loaded.source == Source::Made) else { return };
        let unnamed = names::unnamed(&loaded.checked.info.names, addresses);
        let mut reach = self.reach();
        let is_new = reach.open && unnamed.iter().any(|address| !reach.told.contains(address));
        if !is_new {
            return;
        }
        reach.told.clone_from(&unnamed);
        drop(reach);
        let shown = unnamed.iter().map(IpAddr::to_string).collect::<Vec<_>>().join(", ");
        self.0.problems.report(Report {
            code: "certificate_lacks_address",
            message: format!("This computer is now at {shown} too, which the certificate for RTMPS does not name."),
            hint: "Make a new certificate and trust it again where RTMPS is used, or go on using another name of this computer."
                .to_owned(),
            ..Report::default()
        });
    }

    fn reach(&self) -> std::sync::MutexGuard<'_, Reach> {
        self.0.reach.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks again and again.
    pub(crate) fn keep_looking(&self, supervisor: &Supervisor) {
        let (certificates, stopping) = (self.clone(), supervisor.stopping().clone());
        supervisor.spawn("certificates", async move {
            loop {
                tokio::select! {
                    () = tokio::time::sleep(LOOK_EVERY) => {}
                    () = stopping.cancelled() => return End::Stopped,
                }
                let looking = certificates.clone();
                let looked = tokio::task::spawn_blocking(move || {
                    looking.compare(&names::addresses());
                    looking.look(SystemTime::now())
                });
                let looked = looked.await;
                if let Ok(Err(error)) = looked {
                    certificates.report(&error);
                }
            }
        });
    }

    /// Tells of a certificate that could not be taken.
    pub(crate) fn report(&self, error: &CertificateError) {
        self.0.problems.report(Report {
            code: error.code(),
            message: format!("The certificate cannot be used: {error}."),
            hint: "Correct it; until then the one before stays in force.".to_owned(),
            ..Report::default()
        });
    }

    fn turn(&self) -> std::sync::MutexGuard<'_, ()> {
        self.0.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn config(&self) -> Config {
        self.0.config.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Those of the settings, else the imported one as long as it can be used, else the made one, else makes one.
    fn load(&self, now: SystemTime) -> Result<(), CertificateError> {
        match (self.config().cert, self.config().key) {
            (Some(certificate), Some(key)) => {
                let written = self.written();
                let checked = read_pair(&certificate, &key)?.check(None, now)?;
                self.put(Loaded { source: Source::Files, checked, written });
                return Ok(());
            }
            (None, None) => {}
            _ => return Err(CertificateError::Half),
        }
        let [certificate, key] = self.files("imported");
        if certificate.exists() {
            match read_pair(&certificate, &key).and_then(|pair| Ok(pair.check(None, now)?)) {
                Ok(checked) => {
                    self.put(Loaded { source: Source::Imported, checked, written: None });
                    return Ok(());
                }
                // Better a certificate that must be trusted anew than no RTMPS at all.
                Err(error) => self.0.problems.report(Report {
                    code: error.code(),
                    message: format!("The imported certificate cannot be used: {error}."),
                    hint: "Import a new one; until then the one that Weir made is shown.".to_owned(),
                    ..Report::default()
                }),
            }
        }
        let [certificate, key] = self.files("made");
        if let Some(checked) = read_pair(&certificate, &key).ok().and_then(|pair| pair.check(None, now).ok()) {
            let left = checked.info.not_after.duration_since(now).unwrap_or_default();
            let wanted = self.config().names;
            let complete =
                wanted.iter().filter(|name| names::is_name(name)).all(|name| covers(&checked.info.names, name));
            if left >= RENEW_BEFORE && complete {
                self.put(Loaded { source: Source::Made, checked, written: None });
                return Ok(());
            }
        }
        self.make(now)
    }

    fn make(&self, now: SystemTime) -> Result<(), CertificateError> {
        let names = names::of_this_computer(&self.config().names);
        let pair = make::certificate(&names, &names::host_name(), now)
            .map_err(|error| CertificateError::Make(error.to_string()))?;
        let checked = pair.check(None, now)?;
        self.keep("made", &pair)?;
        tracing::info!(fingerprint = %checked.info.fingerprint, "a certificate was made for this computer");
        self.put(Loaded { source: Source::Made, checked, written: None });
        Ok(())
    }

    fn put(&self, loaded: Loaded) {
        self.0.current.set(Some(loaded));
        self.0.events.tell(Event::CertificateChanged);
    }

    fn keep(&self, name: &str, pair: &Pair) -> Result<(), CertificateError> {
        let [certificate, key] = self.files(name);
        // The key first: a certificate without its key is worse than the other way round.
        write(&key, pair.key.expose(), Access::OwnerOnly)?;
        write(&certificate, &pair.certificate, Access::OwnerOnly)
    }

    fn files(&self, name: &str) -> [PathBuf; 2] {
        [self.0.folder.join(format!("{name}.pem")), self.0.folder.join(format!("{name}.key"))]
    }

    fn written(&self) -> Option<[SystemTime; 2]> {
        let config = self.config();
        let at = |path: Option<PathBuf>| std::fs::metadata(path?).and_then(|about| about.modified()).ok();
        Some([at(config.cert)?, at(config.key)?])
    }

    fn warn(&self, info: &Info, now: SystemTime) {
        let mut warned = self.0.warned.lock().unwrap_or_else(PoisonError::into_inner);
        if warned.is_some_and(|at| now.duration_since(at).is_ok_and(|since| since < WARN_EVERY)) {
            return;
        }
        *warned = Some(now);
        let names = info.names.join(", ");
        let (code, message) = match info.not_after.duration_since(now).map(|left| left.as_secs() / (24 * 3600)) {
            Ok(days) => {
                ("certificate_ends_soon", format!("The certificate for {names} is valid for {days} more days."))
            }
            Err(_) => {
                ("certificate_expired", format!("The certificate for {names} has expired: programs refuse it now."))
            }
        };
        self.0.problems.report(Report {
            code,
            message,
            hint: "Import a new one, or let Weir make one.".to_owned(),
            ..Report::default()
        });
    }
}

/// Checks a pair of files as it is checked when it is used. Blocks for small files.
pub fn check_files(certificate: &Path, key: &Path) -> Result<(), CertificateError> {
    read_pair(certificate, key)?.check(None, SystemTime::now())?;
    Ok(())
}

fn write(path: &Path, text: &str, access: Access) -> Result<(), CertificateError> {
    paths::write_atomically(path, text.as_bytes(), access)
        .map_err(|source| CertificateError::File { path: path.to_owned(), source })
}

fn read_pair(certificate: &Path, key: &Path) -> Result<Pair, CertificateError> {
    Ok(Pair { certificate: read(certificate)?, key: Secret::new(read(key)?) })
}

fn read(path: &Path) -> Result<String, CertificateError> {
    let file = |source| CertificateError::File { path: path.to_owned(), source };
    if std::fs::metadata(path).map_err(file)?.len() > MAX_PEM {
        return Err(file(io::Error::other("it is larger than 256 KiB, which no certificate is")));
    }
    // What is no text is no PEM either, and is told so.
    let bytes = std::fs::read(path).map_err(file)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests;

//! Flags over the settings file.

use std::path::Path;

use weir_engine::config::{Profile, Settings};
use weir_engine::protocol::srt::{Encryption, passphrases};
use weir_engine::{Paths, auth, tls};

use crate::exit::Exit;
use crate::flags::Flags;

/// What to say of a settings file that was named and is not there: the first start in a container has none yet, but a path that was
/// mistyped has none either. Where not even its folder is there, nothing but a mistake is left.
pub(crate) fn absent(flags: &Flags) -> Result<Option<String>, Exit> {
    let Some(file) = flags.config.as_deref().filter(|file| matches!(file.try_exists(), Ok(false))) else {
        return Ok(None);
    };
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // The data folder is made when Weir starts.
    if !folder.is_dir() && flags.data_dir.as_deref() != Some(folder) {
        return Err(Exit::Misused(format!(
            "the settings file {} cannot be there, since its folder is not; correct --config (WEIR_CONFIG), or make the folder",
            file.display()
        )));
    }
    Ok(Some(format!(
        "the settings file {} does not exist: the defaults are used, and the file is written at the first change",
        file.display()
    )))
}

/// The places and the settings of this run.
pub(crate) fn settings(flags: Flags) -> Result<(Settings, Paths), Exit> {
    if flags.srt_passphrase.is_some() && flags.srt_passphrase_file.is_some() {
        let line = "--srt-passphrase and --srt-passphrase-file exclude each other; give one of them";
        return Err(Exit::Misused(line.to_owned()));
    }
    if let Some(file) = &flags.srt_passphrase_file {
        passphrases::read(file).map_err(|error| Exit::Misused(format!("--srt-passphrase-file: {error}")))?;
    }
    let auth_mode = auth_mode(&flags)?;
    check_tls(&flags)?;
    let paths = Paths::find(Profile::Serve, flags.config.clone(), flags.data_dir.clone());
    let mut settings = Settings::load(&paths.config_file, Profile::Serve)
        .map_err(|error| Exit::Misused(format!("{error}; correct the file, or name another one with --config")))?;
    let given = flags.clone();
    settings.override_with(move |config| {
        let flags = given.clone();
        if let Some(listen) = flags.tls_listen {
            config.rtmps.enabled = true;
            config.rtmps.listen = vec![listen];
            config.tls.cert = flags.tls_cert;
            config.tls.key = flags.tls_key;
        }
        if let Some(mode) = auth_mode {
            config.auth.mode = mode;
        }
        if let Some(file) = flags.auth_file {
            config.auth.file = Some(file);
        }
        if let Some(url) = flags.auth_callback {
            config.auth.callback = Some(url);
        }
        if let Some(timeout) = flags.auth_callback_timeout {
            config.auth.callback_timeout_seconds = timeout.into();
        }
        if let Some(listen) = flags.listen {
            config.rtmp.enabled = true;
            config.rtmp.listen = vec![listen];
        }
        if let Some(listen) = flags.srt_listen {
            config.srt.enabled = true;
            config.srt.listen = vec![listen];
        }
        if let Some(latency) = flags.srt_latency {
            config.srt.latency_ms = latency;
        }
        if flags.srt_passphrase.is_some() {
            config.srt.encryption = Encryption::One;
        }
        if let Some(file) = flags.srt_passphrase_file {
            config.srt.encryption = Encryption::File;
            config.srt.passphrase_file = Some(file);
        }
        if let Some(length) = flags.srt_pbkeylen {
            config.srt.key_length = Some(length);
        }
        if let Some(record_all) = flags.record_all {
            config.recording.record_all = record_all;
        }
        if let Some(folder) = flags.record_dir {
            config.recording.dir = Some(folder);
        }
        if let Some(duration) = flags.segment_duration {
            config.recording.segment_seconds = duration.into();
        }
        if let Some(pattern) = flags.segment_pattern {
            config.recording.segment_pattern = pattern;
        }
        if let Some(size) = flags.chunk_size {
            config.rtmp.chunk_size = size;
        }
        if let Some(http) = flags.http {
            config.http.listen = vec![http];
        }
        if let Some(timeout) = flags.hook_timeout {
            config.hooks.timeout_seconds = timeout.into();
        }
        if let Some(concurrency) = flags.hook_concurrency {
            config.hooks.concurrency = concurrency;
        }
        if let Some(format) = flags.hook_stdio_format {
            config.hooks.stdio = format;
        }
        if let Some(metrics) = flags.metrics_addr {
            config.metrics.listen = Some(metrics);
        }
        if let Some(level) = flags.log_level {
            config.log.level = level.into();
        }
        if let Some(format) = flags.log_format {
            config.log.format = format;
        }
    });
    if let Some(passphrase) = flags.srt_passphrase {
        settings.lend_secret(passphrases::ONE, passphrase);
    }
    settings.lend_tokens(flags.auth_token);
    for (number, relay) in (1..).zip(flags.relay_to) {
        let (destination, key) = relay.destination(number);
        settings.lend_destination(destination, key);
    }
    for (number, hook) in (1..).zip(flags.hook_script.into_iter().chain(flags.hook_webhook)) {
        let (hook, secret) = hook.hook(number).map_err(Exit::misused)?;
        settings.lend_hook(hook, secret);
    }
    Ok((settings, paths))
}

/// The mode that the flags mean: the one they name, or the only one that they give something for.
fn auth_mode(flags: &Flags) -> Result<Option<auth::Mode>, Exit> {
    let given = [
        (auth::Mode::Token, "--auth-token", !flags.auth_token.is_empty()),
        (auth::Mode::File, "--auth-file", flags.auth_file.is_some()),
        (auth::Mode::Callback, "--auth-callback", flags.auth_callback.is_some()),
    ];
    let misused = |line: String| Err(Exit::Misused(line));
    if let Some(file) = &flags.auth_file {
        auth::file::read(file).map_err(|error| Exit::Misused(format!("--auth-file: {error}")))?;
    }
    match flags.auth_mode {
        Some(auth::Mode::File) if flags.auth_file.is_none() => misused("--auth-mode file needs --auth-file".to_owned()),
        Some(auth::Mode::Callback) if flags.auth_callback.is_none() => {
            misused("--auth-mode callback needs --auth-callback".to_owned())
        }
        Some(mode) => match given.iter().find(|(other, _, there)| *there && *other != mode) {
            Some((_, flag, _)) => {
                misused(format!("{flag} has no meaning with --auth-mode {}; leave one out", mode.as_str()))
            }
            None => Ok(Some(mode)),
        },
        None => {
            let mut there = given.iter().filter(|(_, _, there)| *there);
            match (there.next(), there.next()) {
                (Some((_, one, _)), Some((_, other, _))) => misused(format!(
                    "{one} and {other} exclude each other; say which with --auth-mode, and leave the other out"
                )),
                (Some((mode, ..)), None) => Ok(Some(*mode)),
                (None, _) => Ok(None),
            }
        }
    }
}

/// All three flags of TLS or none.
fn check_tls(flags: &Flags) -> Result<(), Exit> {
    match (&flags.tls_listen, &flags.tls_cert, &flags.tls_key) {
        (None, None, None) => Ok(()),
        (Some(_), Some(certificate), Some(key)) => tls::check_files(certificate, key)
            .map_err(|error| Exit::Misused(format!("--tls-cert and --tls-key: {error}"))),
        _ => Err(Exit::Misused(
            "--tls-listen, --tls-cert and --tls-key belong together; give all three or none, and switch rtmps on in the \
             settings file for a certificate that Weir makes"
                .to_owned(),
        )),
    }
}

//! Flags over the settings file.

use weir_engine::Paths;
use weir_engine::config::{Profile, Settings};

use crate::exit::Exit;
use crate::flags::Flags;

/// The places and the settings of this run.
pub(crate) fn settings(flags: Flags) -> Result<(Settings, Paths), Exit> {
    let paths = Paths::find(Profile::Serve, flags.config, flags.data_dir);
    let mut settings = Settings::load(&paths.config_file, Profile::Serve)
        .map_err(|error| Exit::Misused(format!("{error}; correct the file, or name another one with --config")))?;
    settings.override_with(|config| {
        if let Some(listen) = flags.listen {
            config.rtmp.enabled = true;
            config.rtmp.listen = vec![listen];
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
    });
    for (number, relay) in (1..).zip(flags.relay_to) {
        let (destination, key) = relay.destination(number);
        settings.lend_destination(destination, key);
    }
    Ok((settings, paths))
}

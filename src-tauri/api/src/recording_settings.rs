//! How streams are recorded.

use std::path::PathBuf;
use std::time::Duration;

use axum::extract::State;
use weir_engine::recording::{self, Config, Rule, Subfolder};

use crate::apply::apply;
use crate::error::Error;
use crate::extract::Json;
use crate::model::{OnReturn, RecordingRule, RecordingSettings, RecordingSettingsPatch, WhenFull};
use crate::router::Api;
use crate::settings::usable;

/// Longest segment in seconds: FLV counts to 24.8 days.
const MAX_SEGMENT: f64 = 24.0 * 24.0 * 3600.0;
/// Most rules: each stream is compared with all of them.
const MAX_RULES: usize = 200;
/// Longest pattern of a rule in bytes.
const MAX_PATTERN: usize = 500;

/// How streams are recorded.
#[utoipa::path(get, path = "/recording-settings", tag = "recording_settings",
    responses((status = 200, body = RecordingSettings)))]
pub(crate) async fn show(State(api): State<Api>) -> Json<RecordingSettings> {
    Json(RecordingSettings::new(&api.engine))
}

/// Change how streams are recorded. What is being recorded goes on as it is.
#[utoipa::path(patch, path = "/recording-settings", tag = "recording_settings", request_body = RecordingSettingsPatch,
    responses((status = 200, body = RecordingSettings)))]
pub(crate) async fn change(
    State(api): State<Api>,
    Json(patch): Json<RecordingSettingsPatch>,
) -> Result<Json<RecordingSettings>, Error> {
    let folder = match patch.folder.clone() {
        Some(folder) => Some(usable(folder).await?),
        None => None,
    };
    apply(&api, |config| merge(&mut config.recording, patch, folder)).await?;
    Ok(Json(RecordingSettings::new(&api.engine)))
}

fn merge(config: &mut Config, patch: RecordingSettingsPatch, folder: Option<PathBuf>) -> Result<(), Error> {
    set(&mut config.record_all, patch.record_all);
    set(&mut config.container, patch.container.map(recording::Container::from));
    set(&mut config.reserve_bytes, patch.reserve_bytes);
    set(&mut config.keep_days, patch.keep_days);
    set(&mut config.keep_bytes, patch.keep_bytes);
    if let Some(folder) = folder {
        config.dir = Some(folder);
    }
    if let Some(length) = patch.segment_seconds {
        config.segment_seconds = segment(length)?.into();
    }
    if let Some(pattern) = patch.segment_pattern {
        config.segment_pattern = pattern.parse().map_err(|error: recording::PatternError| {
            Error::invalid(
                format!("The pattern for segments cannot be used: {error}."),
                "Write for example %s_%T_seg%03d.",
            )
        })?;
    }
    if let Some(on_return) = patch.on_return {
        config.on_return = match on_return {
            OnReturn::Continue => recording::OnReturn::Continue,
            OnReturn::NewFile => recording::OnReturn::NewFile,
        };
    }
    if let Some(when_full) = patch.when_full {
        config.when_full = match when_full {
            WhenFull::Stop => recording::WhenFull::Stop,
            WhenFull::DeleteOldest => recording::WhenFull::DeleteOldest,
        };
    }
    if let Some(rules) = patch.rules {
        if rules.len() > MAX_RULES {
            return Err(Error::invalid("There are too many rules.", format!("Use at most {MAX_RULES}.")));
        }
        config.rules = rules.into_iter().map(rule).collect::<Result<_, _>>()?;
    }
    Ok(())
}

fn set<T>(value: &mut T, to: Option<T>) {
    if let Some(to) = to {
        *value = to;
    }
}

fn rule(rule: RecordingRule) -> Result<Rule, Error> {
    let streams = rule.streams.trim().to_owned();
    if streams.is_empty() || streams.len() > MAX_PATTERN {
        return Err(Error::invalid(
            "A rule names no streams.",
            "Write a path in which * stands for anything, for example live/*.",
        ));
    }
    let folder = rule.folder.filter(|folder| !folder.trim().is_empty());
    let folder = folder.map(|folder| Subfolder::try_from(PathBuf::from(folder.trim()))).transpose();
    let folder = folder.map_err(|error| {
        Error::invalid(format!("The rule for {streams} cannot be used: {error}."), "Write for example shows/evening.")
    })?;
    let length = rule.segment_seconds.map(segment).transpose()?;
    Ok(Rule {
        streams,
        record: rule.record,
        container: rule.container.map(recording::Container::from),
        folder,
        segment_seconds: length.map(Into::into),
    })
}

fn segment(seconds: f64) -> Result<Duration, Error> {
    let span = Duration::try_from_secs_f64(seconds).ok();
    let span = span.filter(|span| span.is_zero() || (1.0..=MAX_SEGMENT).contains(&span.as_secs_f64()));
    span.ok_or_else(|| {
        Error::invalid(
            format!("A file cannot be {seconds} seconds long."),
            "Choose 0 for one file, or 1 second to 24 days.",
        )
    })
}

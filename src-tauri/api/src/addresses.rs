//! Addresses that settings are given: what of them is secret is kept with the secrets, and stays out of the settings file.

use weir_engine::auth::{self, CALLBACK_SECRET};
use weir_engine::config::Config;
use weir_engine::destination::{self, Given, GivenError, Kept, Known, backup_secret_name, secret_name};
use weir_engine::hook::{self, SecretKind, Target};
use weir_engine::secrets::Secrets;
use weir_media::Secret;

use crate::apply::SecretChange;
use crate::error::Error;
use crate::hooks::keep_url;
use crate::model::MASK;

/// Takes an address of a destination apart, the key being given apart or not at all.
pub(crate) fn read(url: &Secret<String>, key: Option<&Secret<String>>) -> Result<Given, Error> {
    real(url)?;
    key.map(real).transpose()?;
    Given::read(url.expose(), key).map_err(wrong)
}

/// Changes an address of a destination in the settings. What is to happen to what is kept for it, if anything.
pub(crate) fn change(
    address: &mut String,
    known: Known<'_>,
    name: String,
    url: Option<&Secret<String>>,
    key: Option<&Secret<String>>,
) -> Result<Option<SecretChange>, Error> {
    url.filter(|url| !known.is(url.expose())).map(real).transpose()?;
    key.map(real).transpose()?;
    let changed = known.changed(url.map(|url| url.expose().as_str()), key).map_err(wrong)?;
    Ok(changed.map(|given| {
        let value = given.kept.stored();
        *address = given.url;
        SecretChange { name, value }
    }))
}

/// Changes the second address of a destination; an empty one is none.
pub(crate) fn change_backup(
    address: &mut Option<String>,
    (kept, shown): (&Kept, Option<&str>),
    name: String,
    url: &Secret<String>,
) -> Result<Option<SecretChange>, Error> {
    if url.expose().trim().is_empty() {
        *address = None;
        return Ok(Some(SecretChange { name, value: None }));
    }
    if let Some(address) = address {
        let before = address.clone();
        let known = Known { url: &before, kept, shown: shown.unwrap_or_default() };
        return change(address, known, name, Some(url), None);
    }
    let given = read(url, None)?;
    let value = given.kept.stored();
    *address = Some(given.url);
    Ok(Some(SecretChange { name, value }))
}

/// Sets the address that is asked who may enter. What is to happen to what is kept of it, if anything: as it is shown, it stays.
pub(crate) fn change_callback(
    config: &mut auth::Config,
    secrets: &Secrets,
    url: &str,
) -> Result<Option<SecretChange>, Error> {
    if auth::shown_callback(config, secrets).is_some_and(|shown| shown == url.trim()) {
        return Ok(None);
    }
    real(&Secret::new(url.to_owned()))?;
    auth::check_callback(url)
        .map_err(|error| Error::invalid(format!("The callback cannot be used: {error}."), "Write http://host/path."))?;
    let (open, value) = auth::split_callback(url);
    config.callback = Some(open);
    Ok(Some(SecretChange { name: CALLBACK_SECRET.to_owned(), value }))
}

/// Takes apart every address that `after` has and `before` has not, and forgets what was kept for what is gone.
pub(crate) fn take_apart(secrets: &Secrets, before: &Config, after: &mut Config) -> Result<Vec<SecretChange>, Error> {
    let mut changes = Vec::new();
    for (number, destination) in after.destinations.iter_mut().enumerate() {
        let known = before.destinations.iter().find(|known| known.id == destination.id);
        let taken = of_destination(secrets, known, destination);
        changes.extend(taken.map_err(|(field, error)| error.at(&format!("destinations[{number}].{field}")))?);
    }
    for (number, hook) in after.hooks.list.iter_mut().enumerate() {
        let known = before.hooks.list.iter().find(|known| known.id == hook.id);
        let place = || format!("hooks.list[{number}].webhook");
        of_hook(known, hook, &mut changes).map_err(|error| error.at(&place()))?;
    }
    let is_there = |id: &str| after.destinations.iter().any(|destination| destination.id == id);
    for gone in before.destinations.iter().filter(|known| !is_there(&known.id)) {
        changes.extend(forget(&gone.id));
    }
    let is_there = |id: &str| after.hooks.list.iter().any(|hook| hook.id == id);
    for gone in before.hooks.list.iter().filter(|known| !is_there(&known.id)) {
        changes
            .extend(SecretKind::ALL.map(|kind| SecretChange { name: hook::secret_name(&gone.id, kind), value: None }));
    }
    if after.auth.callback != before.auth.callback {
        changes.extend(match after.auth.callback.clone() {
            Some(url) => {
                after.auth.callback.clone_from(&before.auth.callback);
                change_callback(&mut after.auth, secrets, &url).map_err(|error| error.at("auth.callback"))?
            }
            None => Some(SecretChange { name: CALLBACK_SECRET.to_owned(), value: None }),
        });
    }
    // What stays as it is must not be touched: it may be a flag's, which is held and never stored.
    changes.retain(|change| secrets.find(&change.name) != change.value);
    Ok(changes)
}

/// Everything that is kept for a destination.
pub(crate) fn forget(id: &str) -> [SecretChange; 2] {
    [secret_name(id), backup_secret_name(id)].map(|name| SecretChange { name, value: None })
}

/// On an error also which setting it is.
fn of_destination(
    secrets: &Secrets,
    known: Option<&destination::Config>,
    destination: &mut destination::Config,
) -> Result<Vec<SecretChange>, (&'static str, Error)> {
    let (name, backup_name) = (secret_name(&destination.id), backup_secret_name(&destination.id));
    let url = Secret::new(destination.url.clone());
    let backup_url = destination.backup_url.clone().map(Secret::new);
    let Some(known) = known else {
        // What was kept for one of this name that is no more is not for the new one's server.
        let given = read(&url, None).map_err(|error| ("url", error))?;
        let backup = backup_url.map(|url| read(&url, None)).transpose().map_err(|error| ("backup_url", error))?;
        destination.url = given.url;
        destination.backup_url = backup.as_ref().map(|backup| backup.url.clone());
        let backup_value = backup.and_then(|backup| backup.kept.stored());
        return Ok(vec![
            SecretChange { name, value: given.kept.stored() },
            SecretChange { name: backup_name, value: backup_value },
        ]);
    };
    let kept = |name: &str| Kept::read(secrets.find(name).as_ref());
    let (shown, backup_shown) = destination::shown(known, secrets);
    let (first, second) = (kept(&name), kept(&backup_name));
    destination.url.clone_from(&known.url);
    let before = Known { url: &known.url, kept: &first, shown: &shown };
    let mut changes = Vec::new();
    changes.extend(change(&mut destination.url, before, name, Some(&url), None).map_err(|error| ("url", error))?);
    if destination.backup_url != known.backup_url {
        destination.backup_url.clone_from(&known.backup_url);
        let url = backup_url.unwrap_or_default();
        let changed = change_backup(&mut destination.backup_url, (&second, backup_shown.as_deref()), backup_name, &url);
        changes.extend(changed.map_err(|error| ("backup_url", error))?);
    }
    Ok(changes)
}

fn of_hook(known: Option<&hook::Hook>, hook: &mut hook::Hook, changes: &mut Vec<SecretChange>) -> Result<(), Error> {
    let forget = |kind| SecretChange { name: hook::secret_name(&hook.id, kind), value: None };
    if known.is_none() {
        changes.extend([SecretKind::Headers, SecretKind::SigningKey].map(forget));
    }
    match (&mut hook.target, known.map(|known| &known.target)) {
        (target, Some(known)) if target == known => {}
        (Target::Webhook { url }, _) => *url = keep_url(&hook.id, &Secret::new(url.clone()), changes)?,
        (Target::Script { .. }, _) => changes.push(forget(SecretKind::Url)),
    }
    Ok(())
}

/// Refuses what is an address or a key as it is shown: part of it would be lost.
pub(crate) fn real(text: &Secret<String>) -> Result<(), Error> {
    if text.expose().contains(MASK) {
        return Err(Error::invalid(
            "This is the address or key as it is shown, with its secret parts hidden.",
            "Enter the real one, or leave it out to keep it.",
        ));
    }
    Ok(())
}

fn wrong(error: GivenError) -> Error {
    let mut message = format!("{error}.");
    message.get_mut(..1).map(str::make_ascii_uppercase);
    Error::invalid(message, error.hint())
}

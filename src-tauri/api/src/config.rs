//! Every setting there is, as one document: what `settings` and the other nouns show in parts.

use axum::extract::State;
use serde_json::Value;
use weir_engine::auth;
use weir_engine::config::{self, Config};
use weir_engine::destination::{self, without_secrets};
use weir_engine::secrets::Secrets;

use crate::addresses::take_apart;
use crate::apply::apply_with;
use crate::error::Error;
use crate::extract::Json;
use crate::model::ConfigDocument;
use crate::router::Api;

/// Every setting with its default. Secrets are no part of it.
#[utoipa::path(get, path = "/config", tag = "config", responses((status = 200, body = ConfigDocument)))]
pub(crate) async fn show(State(api): State<Api>) -> Result<Json<ConfigDocument>, Error> {
    document(&api).map(Json)
}

fn refused(why: &str) -> Error {
    Error::invalid(format!("{why}."), "docs/configuration.md describes every setting.")
}

/// Change any setting: a JSON merge patch (RFC 7396), in which `null` means the default. It is checked as a whole, applied at
/// once and saved; only what changed is restarted. Addresses are taken apart as by the other nouns: what of them is secret is kept
/// with the secrets, and an address as it is shown stays as it is.
#[utoipa::path(patch, path = "/config", tag = "config",
    request_body(content = Value, description = "A part of `config`, such as `{\"log\": {\"level\": \"debug\"}}`"),
    responses((status = 200, body = ConfigDocument)))]
pub(crate) async fn change(State(api): State<Api>, Json(patch): Json<Value>) -> Result<Json<ConfigDocument>, Error> {
    let defaults = json(&Config::defaults(api.engine.status().profile))?;
    if !patch.is_object() {
        return Err(Error::invalid(
            "A change of settings is an object.",
            "Write for example {\"rtmp\": {\"enabled\": false}}.",
        ));
    }
    let secrets = api.engine.secrets();
    apply_with(&api, |config| {
        let (before, shown) = (json(config)?, shown(config, secrets)?);
        let mut all = before.clone();
        merge(&mut all, &patch, Some(&defaults));
        reveal(&mut all, &before, &shown);
        let mut changed: Config = serde_path_to_error::deserialize(&all).map_err(|error| {
            refused(&crate::extract::redacted(&error.inner().to_string())).at(&error.path().to_string())
        })?;
        changed.check().map_err(|mistake| refused(&mistake.problem).at(&mistake.to_string()))?;
        let changes = take_apart(secrets, config, &mut changed)?;
        *config = changed;
        Ok(changes)
    })
    .await?;
    document(&api).map(Json)
}

/// The JSON schema of the settings, with what each means.
#[utoipa::path(get, path = "/config/schema", tag = "config",
    responses((status = 200, body = Value, description = "A JSON schema")))]
pub(crate) async fn schema() -> Json<Value> {
    Json(config::schema())
}

fn document(api: &Api) -> Result<ConfigDocument, Error> {
    Ok(ConfigDocument {
        config: shown(&api.engine.config(), api.engine.secrets())?,
        defaults: json(&Config::defaults(api.engine.status().profile))?,
        file: api.engine.paths().config_file.display().to_string(),
    })
}

fn json(config: &Config) -> Result<Value, Error> {
    serde_json::to_value(config).map_err(|_| Error::internal())
}

/// The settings without what may be secret in their addresses, whether it is kept with the secrets or somebody wrote it into the
/// file by hand.
fn shown(config: &Config, secrets: &Secrets) -> Result<Value, Error> {
    let mut all = json(config)?;
    hide(&mut all);
    let mut show = |place: &str, url: Option<String>| {
        if let (Some(slot), Some(url)) = (all.pointer_mut(place), url) {
            *slot = url.into();
        }
    };
    for (number, destination) in config.destinations.iter().enumerate() {
        let (url, backup) = destination::shown(destination, secrets);
        show(&format!("/destinations/{number}/url"), Some(url));
        show(&format!("/destinations/{number}/backup_url"), backup);
    }
    show("/auth/callback", auth::shown_callback(&config.auth, secrets).map(|url| without_secrets(&url)));
    Ok(all)
}

/// Takes what may be secret out of every address.
fn hide(value: &mut Value) {
    match value {
        Value::String(text) if text.contains("://") => *text = without_secrets(text),
        Value::Array(items) => items.iter_mut().for_each(hide),
        Value::Object(fields) => fields.values_mut().for_each(hide),
        _ => {}
    }
}

/// Puts what stands in `before` back where it came back as it is `shown`.
fn reveal(value: &mut Value, before: &Value, shown: &Value) {
    match (value, before, shown) {
        (Value::String(text), Value::String(known), Value::String(shown)) if text == shown => text.clone_from(known),
        (Value::Array(items), Value::Array(known), Value::Array(shown)) => {
            for (place, item) in items.iter_mut().enumerate() {
                // What has a name keeps it, wherever in the list it stands now.
                let place = match item.get("id") {
                    Some(id) => known.iter().position(|known| known.get("id") == Some(id)).unwrap_or(usize::MAX),
                    None => place,
                };
                if let (Some(known), Some(shown)) = (known.get(place), shown.get(place)) {
                    reveal(item, known, shown);
                }
            }
        }
        (Value::Object(fields), Value::Object(known), Value::Object(shown)) => {
            for (name, field) in fields {
                if let (Some(known), Some(shown)) = (known.get(name), shown.get(name)) {
                    reveal(field, known, shown);
                }
            }
        }
        _ => {}
    }
}

/// RFC 7396, except that `null` puts a default back where there is one.
fn merge(all: &mut Value, patch: &Value, defaults: Option<&Value>) {
    let Value::Object(changes) = patch else {
        *all = patch.clone();
        return;
    };
    if !all.is_object() {
        *all = Value::Object(serde_json::Map::new());
    }
    let Value::Object(fields) = all else { return };
    for (name, change) in changes {
        let default = defaults.and_then(|defaults| defaults.get(name));
        match (change, default) {
            (Value::Null, Some(default)) => {
                fields.insert(name.clone(), default.clone());
            }
            (Value::Null, None) => {
                fields.remove(name);
            }
            (change, default) => merge(fields.entry(name.clone()).or_insert(Value::Null), change, default),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::merge;

    #[test]
    fn a_patch_changes_what_it_names_and_null_puts_the_default_back() {
        let mut all = json!({"a": {"x": 1, "y": 2}, "list": [1, 2], "gone": 1});
        let defaults = json!({"a": {"x": 9, "y": 8}, "list": []});
        merge(&mut all, &json!({"a": {"x": null, "z": 3}, "list": [4], "gone": null}), Some(&defaults));
        assert_eq!(all, json!({"a": {"x": 9, "y": 2, "z": 3}, "list": [4]}));
    }
}

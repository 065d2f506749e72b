//! Secrets in requests: hidden from the moment they are read.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use weir_media::Secret;

pub(super) fn optional_secret<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Secret<String>>, D::Error> {
    Option::<String>::deserialize(from).map(|value| value.map(Secret::new))
}

pub(super) fn optional_secrets<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<Secret<BTreeMap<String, String>>>, D::Error> {
    Option::<BTreeMap<String, String>>::deserialize(from).map(|value| value.map(Secret::new))
}

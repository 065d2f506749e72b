//! Changes of settings that come from two sides: laid over each other, and what of them cannot both hold.

use std::collections::{BTreeMap, BTreeSet};

use toml::{Table, Value};

use super::{Config, ConfigError};

/// `stored` with the changes that lead from `before` to `after`, and no others. Of lists whose items have an identity (`id`) each
/// item is changed by itself.
pub(super) fn with_changes(stored: &Config, before: &Config, after: &Config) -> Result<Config, ConfigError> {
    let mut stored = Table::try_from(stored)?;
    transfer(&mut stored, &Table::try_from(before)?, Table::try_from(after)?);
    stored.try_into().map_err(|error: toml::de::Error| ConfigError::Parse {
        file: "the changed settings".to_owned(),
        line: 1,
        column: 1,
        problem: error.message().split_whitespace().collect::<Vec<_>>().join(" "),
    })
}

/// Settings that two sides made different things of, both beginning with `before`.
pub(super) fn conflicts(before: &Config, one: &Config, other: &Config) -> Result<Vec<String>, ConfigError> {
    let [before, one, other] = [leaves(before)?, leaves(one)?, leaves(other)?];
    let all: BTreeSet<&String> = before.keys().chain(one.keys()).chain(other.keys()).collect();
    let is_conflict = |place: &&&String| {
        let [before, one, other] = [&before, &one, &other].map(|side| side.get(**place));
        one != before && other != before && one != other
    };
    Ok(all.iter().filter(is_conflict).map(|place| (*place).clone()).collect())
}

/// Settings that were changed from `before` to `after` and are not so in `now`.
pub(super) fn undone(before: &Config, after: &Config, now: &Config) -> Result<Vec<String>, ConfigError> {
    let [before, after, now] = [leaves(before)?, leaves(after)?, leaves(now)?];
    let all: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let is_undone =
        |place: &&&String| before.get(**place) != after.get(**place) && now.get(**place) != after.get(**place);
    Ok(all.iter().filter(is_undone).map(|place| (*place).clone()).collect())
}

fn transfer(stored: &mut Table, before: &Table, after: Table) {
    for gone in before.keys().filter(|key| !after.contains_key(*key)) {
        stored.remove(gone);
    }
    for (key, value) in after {
        match (stored.get_mut(&key), before.get(&key), value) {
            (_, Some(before), value) if *before == value => {}
            (Some(Value::Table(stored)), Some(Value::Table(before)), Value::Table(after)) => {
                transfer(stored, before, after);
            }
            (Some(Value::Array(stored)), Some(Value::Array(before)), Value::Array(after))
                if [&*stored, before, &after].iter().all(|list| ids(list).is_some()) =>
            {
                transfer_items(stored, before, after);
            }
            (_, _, value) => {
                stored.insert(key, value);
            }
        }
    }
}

/// Items in the order of `after`; then those that only `stored` has, which the other side added.
fn transfer_items(stored: &mut Vec<Value>, before: &[Value], after: Vec<Value>) {
    let mut kept = std::mem::take(stored);
    for item in after {
        let old = find(before, &item);
        match (kept.iter().position(|known| id(known) == id(&item)), old) {
            (Some(at), Some(old)) => {
                let mut known = kept.remove(at);
                if let (Value::Table(known), Value::Table(old), Value::Table(new)) = (&mut known, old, item) {
                    transfer(known, old, new);
                }
                stored.push(known);
            }
            (Some(at), None) => {
                kept.remove(at);
                stored.push(item);
            }
            // The other side removed it meanwhile; it stays removed unless it was changed here.
            (None, Some(old)) if *old == item => {}
            (None, _) => stored.push(item),
        }
    }
    stored.extend(kept.into_iter().filter(|item| find(before, item).is_none()));
}

fn find<'a>(list: &'a [Value], item: &Value) -> Option<&'a Value> {
    list.iter().find(|known| id(known) == id(item))
}

fn id(item: &Value) -> Option<&str> {
    item.get("id")?.as_str()
}

/// The identities of all items, if each has one.
fn ids(list: &[Value]) -> Option<Vec<&str>> {
    list.iter().map(id).collect()
}

/// Every setting by its place, such as `log.level` or `hooks.list.mine.enabled`.
fn leaves(config: &Config) -> Result<BTreeMap<String, Value>, ConfigError> {
    let mut all = BTreeMap::new();
    collect(String::new(), Value::Table(Table::try_from(config)?), &mut all);
    Ok(all)
}

fn collect(place: String, value: Value, all: &mut BTreeMap<String, Value>) {
    let below = |name: &str| if place.is_empty() { name.to_owned() } else { format!("{place}.{name}") };
    match value {
        Value::Table(table) => table.into_iter().for_each(|(name, value)| collect(below(&name), value, all)),
        Value::Array(list) if !list.is_empty() && ids(&list).is_some() => {
            for item in list {
                collect(below(id(&item).unwrap_or_default()), item, all);
            }
        }
        value => {
            all.insert(place, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Profile, parse};

    fn config(text: &str) -> Config {
        parse(text, "test", Profile::Serve).unwrap()
    }

    fn destination(id: &str, name: &str) -> String {
        format!("[[destinations]]\nid = \"{id}\"\nname = \"{name}\"\nurl = \"rtmp://host/app\"\n")
    }

    #[test]
    fn changes_of_two_sides_hold_together() {
        let before = config(&(destination("a", "one") + &destination("b", "two")));
        let file = config(&(destination("a", "renamed") + &destination("b", "two") + &destination("c", "three")));
        let api = config(
            &(String::from("[log]\nlevel = \"debug\"\n") + &destination("a", "one") + &destination("d", "four")),
        );
        let both = with_changes(&file, &before, &api).unwrap();
        let shown: Vec<_> = both.destinations.iter().map(|it| (it.id.as_str(), it.name.as_str())).collect();
        assert_eq!(shown, [("a", "renamed"), ("d", "four"), ("c", "three")]);
        assert_eq!(both.log.level, crate::log::Level::Debug);
        assert!(conflicts(&before, &file, &api).unwrap().is_empty());
    }

    #[test]
    fn what_cannot_both_hold_is_named() {
        let before = config(&destination("a", "one"));
        let file = config(&(String::from("[log]\nlevel = \"warn\"\nfiles = 9\n") + &destination("a", "file")));
        let api = config(&(String::from("[log]\nlevel = \"debug\"\nfiles = 9\n") + &destination("a", "api")));
        assert_eq!(conflicts(&before, &file, &api).unwrap(), ["destinations.a.name", "log.level"]);
        assert_eq!(with_changes(&file, &before, &api).unwrap(), api, "the later one holds");
        assert_eq!(undone(&before, &api, &before).unwrap(), ["destinations.a.name", "log.files", "log.level"]);
        assert!(undone(&before, &api, &api).unwrap().is_empty());
    }
}

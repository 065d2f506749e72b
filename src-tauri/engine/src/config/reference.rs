//! The settings as a page and as a file with every one of them, both generated from the types and their documentation.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::{Config, Profile};

/// The JSON schema of the settings.
pub fn schema() -> Value {
    schemars::schema_for!(Config).to_value()
}

/// A settings file with every setting at its default for `profile`, each with what it means. It means the same as no file.
pub fn default_file(profile: Profile) -> String {
    let reference = Reference::new(profile);
    let mut out = String::from(
        "# Weir's settings: every setting with its default. Only what differs from it needs to be in the file.\n\
         # The file is read while Weir runs: a change holds as soon as it is saved.\n",
    );
    reference.write_file(&mut out);
    out
}

/// The page about all settings, in Markdown.
pub fn markdown() -> String {
    let reference = Reference::new(Profile::Serve);
    let mut out = String::from(
        "# Settings\n\n\
         <!-- Generated from the types by `cargo run -p weir-engine --example configuration`; changes are made there. -->\n\n\
         The settings are one TOML file; [operation.md](operation.md) says where it is and how changes reach a running Weir. What\n\
         is not in the file has its default, and Weir itself writes only what differs. Secrets (stream keys, tokens, signing keys,\n\
         the secret parts of addresses) are not in it unless a person writes them there; flags that take one have an [environment\n\
         variable](operation.md#secrets-and-the-command-line) that keeps it off the command line. `weir config --print-default` prints\n\
         a complete file, `weir config check FILE` checks one, and both the window and the API change the same settings.\n\n\
         The defaults are those of `weir serve`; where the window's differ, the description says so.\n",
    );
    reference.write_page(&mut out);
    out
}

/// A table of settings.
#[derive(Debug)]
struct Table {
    /// Its name in the file, e.g. `recording.rules`.
    name: String,
    /// It may be there several times.
    many: bool,
    about: String,
    settings: Vec<Setting>,
}

#[derive(Debug)]
struct Setting {
    name: String,
    kind: String,
    /// As TOML; `None` when nothing is set.
    default: Option<String>,
    about: String,
    /// The words it may be, with what they mean.
    words: Vec<(String, String)>,
}

#[derive(Debug)]
struct Reference(Vec<Table>);

impl Reference {
    fn new(profile: Profile) -> Self {
        let schema = schema();
        let defaults = serde_json::to_value(Config::defaults(profile)).unwrap_or_default();
        // The order of the types, which neither JSON nor the schema keeps.
        let written = toml::to_string(&Config::defaults(profile)).unwrap_or_default();
        let mut tables = Vec::new();
        collect(&schema, &schema, "", false, Some(&defaults), &mut tables);
        for table in &mut tables {
            let place = |setting: &Setting| place(&written, &table.name, &setting.name);
            table.settings.sort_by_key(place);
        }
        let place = |table: &Table| written.find(&format!("[{}", table.name.split('.').next().unwrap_or_default()));
        // Lists are empty by default, so that the text says nothing of them: they follow.
        tables.sort_by_key(|table| (place(table).unwrap_or(usize::MAX), table.name.matches('.').count()));
        Self(tables)
    }

    fn write_file(&self, out: &mut String) {
        for table in &self.0 {
            let _ = writeln!(out);
            comment(out, "", &table.about);
            let (before, head) = if table.many { ("# ", "[[") } else { ("", "[") };
            let tail = if table.many { "]]" } else { "]" };
            let _ = writeln!(out, "{before}{head}{}{tail}", table.name);
            for setting in &table.settings {
                comment(out, before, &setting.about);
                for (word, about) in &setting.words {
                    comment(out, before, &format!("  {word}: {about}"));
                }
                let Setting { name, kind, .. } = setting;
                let _ = match &setting.default {
                    Some(default) => writeln!(out, "{before}{name} = {default}"),
                    None => writeln!(out, "# {name} = {}", example(kind)),
                };
            }
        }
    }

    fn write_page(&self, out: &mut String) {
        for table in &self.0 {
            let head = if table.many { format!("[[{}]]", table.name) } else { format!("[{}]", table.name) };
            let _ = write!(out, "\n## `{head}`\n\n{}\n", one_line(&table.about));
            if table.many {
                let _ = write!(out, "\nMay be there any number of times.\n");
            }
            let _ = write!(out, "\n| setting | value | default | meaning |\n|---|---|---|---|\n");
            for setting in &table.settings {
                let default = setting.default.as_ref().map_or_else(|| "–".to_owned(), |text| format!("`{text}`"));
                let mut about = one_line(&setting.about);
                for (word, meaning) in &setting.words {
                    let _ = write!(about, "<br>{word}: {}", one_line(meaning));
                }
                let cell = |text: &str| text.replace('|', "\\|");
                let (name, kind) = (&setting.name, cell(&setting.kind));
                let _ = writeln!(out, "| `{name}` | {kind} | {} | {} |", cell(&default), cell(&about));
            }
        }
    }
}

/// Where a setting stands in the file, for an order.
fn place(written: &str, table: &str, setting: &str) -> usize {
    let start = written.find(&format!("[{table}]\n")).unwrap_or(0);
    let section = written.get(start..).unwrap_or_default();
    let end = section.find("\n[").unwrap_or(section.len());
    let section = section.get(..end).unwrap_or_default();
    section.find(&format!("\n{setting} = ")).unwrap_or(usize::MAX)
}

/// Takes the settings of `node`, which is the table `name`, and of the tables in it.
fn collect(root: &Value, node: &Value, name: &str, many: bool, defaults: Option<&Value>, tables: &mut Vec<Table>) {
    let node = resolve(root, node);
    let Some(properties) = node.get("properties").and_then(Value::as_object) else { return };
    let mut table = Table { name: name.to_owned(), many, about: about(node), settings: Vec::new() };
    let mut inner = Vec::new();
    for (key, property) in properties {
        let path = if name.is_empty() { key.clone() } else { format!("{name}.{key}") };
        let target = resolve(root, property);
        let default = defaults.and_then(|defaults| defaults.get(key));
        let items = target.get("items").map(|items| resolve(root, items));
        if is_table(target) {
            inner.push((path, target, false, default, about(property)));
        } else if let Some(items) = items.filter(|items| is_table(items)) {
            inner.push((path, items, true, None, about(property)));
        } else {
            table.settings.push(setting(root, key, property, default));
        }
    }
    if !table.settings.is_empty() && !name.is_empty() {
        tables.push(table);
    }
    for (path, node, many, default, about) in inner {
        let at = tables.len();
        collect(root, node, &path, many, default, tables);
        if let Some(table) = tables.get_mut(at).filter(|_| !about.is_empty()) {
            table.about = about;
        }
    }
}

fn is_table(node: &Value) -> bool {
    node.get("properties").is_some_and(Value::is_object)
}

fn setting(root: &Value, name: &str, property: &Value, default: Option<&Value>) -> Setting {
    let target = resolve(root, property);
    let given = default.or_else(|| property.get("default")).or_else(|| target.get("default"));
    let mut about = about(property);
    if about.is_empty() {
        about = self::about(target);
    }
    let default = given.filter(|value| !value.is_null()).map(toml_of);
    Setting { name: name.to_owned(), kind: kind(root, target), default, about, words: words(target) }
}

/// Follows a reference, and the one real type of an optional value.
fn resolve<'a>(root: &'a Value, node: &'a Value) -> &'a Value {
    if let Some(path) = node.get("$ref").and_then(Value::as_str) {
        let found = path.strip_prefix('#').and_then(|pointer| root.pointer(pointer));
        return found.map_or(node, |found| resolve(root, found));
    }
    if let Some(any) = node.get("anyOf").and_then(Value::as_array) {
        let real = any.iter().find(|one| one.get("type").and_then(Value::as_str) != Some("null"));
        return real.map_or(node, |real| resolve(root, real));
    }
    node
}

fn about(node: &Value) -> String {
    node.get("description").and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// The words a value may be: those of an enumeration with documentation, or without.
fn words(node: &Value) -> Vec<(String, String)> {
    let of = |one: &Value| {
        let word = one.get("const").and_then(Value::as_str)?;
        Some((format!("`{word}`"), about(one)))
    };
    node.get("oneOf").and_then(Value::as_array).map(|all| all.iter().filter_map(of).collect()).unwrap_or_default()
}

fn kind(root: &Value, node: &Value) -> String {
    let first = |value: &Value| match value {
        Value::Array(types) => types.iter().filter_map(Value::as_str).find(|kind| *kind != "null").map(str::to_owned),
        value => value.as_str().map(str::to_owned),
    };
    if node.get("oneOf").is_some() || node.get("enum").is_some() {
        return "word".to_owned();
    }
    match node.get("type").and_then(first).as_deref() {
        Some("boolean") => "true or false".to_owned(),
        Some("integer") => "whole number".to_owned(),
        Some("number") => "number".to_owned(),
        Some("array") => {
            let items = node.get("items").map(|items| kind(root, resolve(root, items))).unwrap_or_default();
            format!("list of {items}s")
        }
        Some("object") => "table".to_owned(),
        _ => "text".to_owned(),
    }
}

fn example(kind: &str) -> &'static str {
    match kind {
        "true or false" => "true",
        "whole number" | "number" => "0",
        kind if kind.starts_with("list") => "[]",
        _ => "\"\"",
    }
}

fn toml_of(value: &Value) -> String {
    match value {
        Value::Array(all) => format!("[{}]", all.iter().map(toml_of).collect::<Vec<_>>().join(", ")),
        Value::String(text) => toml::Value::String(text.clone()).to_string(),
        Value::Object(object) => inline(object),
        other => other.to_string(),
    }
}

fn inline(object: &Map<String, Value>) -> String {
    let entries: Vec<_> = object.iter().map(|(key, value)| format!("{key} = {}", toml_of(value))).collect();
    if entries.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", entries.join(", ")) }
}

/// Widest line of a comment.
const WIDTH: usize = 120;

fn comment(out: &mut String, before: &str, text: &str) {
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() && before.len() + line.len() + word.len() + 3 > WIDTH {
            let _ = writeln!(out, "{before}# {line}");
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    if !line.is_empty() {
        let _ = writeln!(out, "{before}# {line}");
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse;

    #[test]
    fn the_printed_file_means_the_defaults() {
        for profile in [Profile::Serve, Profile::Desktop] {
            let text = default_file(profile);
            let parsed = parse(&text, "printed", profile).unwrap_or_else(|error| panic!("{error}\n{text}"));
            assert_eq!(parsed, Config::defaults(profile));
            for line in text.lines() {
                assert!(line.chars().count() <= WIDTH, "{line}");
            }
        }
    }

    #[test]
    fn every_setting_is_documented() {
        for table in Reference::new(Profile::Serve).0 {
            assert!(!table.about.is_empty(), "{} says nothing", table.name);
            for setting in &table.settings {
                assert!(!setting.about.is_empty(), "{}.{} says nothing", table.name, setting.name);
            }
        }
    }

    #[test]
    fn lists_and_tables_in_tables_are_there() {
        let page = markdown();
        for part in [
            "## `[rtmp]`",
            "## `[[destinations]]`",
            "## `[[hooks.list]]`",
            "## `[[recording.rules]]`",
            "| `grace_seconds` |",
        ] {
            assert!(page.contains(part), "{part}:\n{page}");
        }
    }
}

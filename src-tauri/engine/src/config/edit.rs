//! Changing a settings file that people write too: only the lines of what changed are written anew, and everybody's comments, order
//! and layout stay.

use std::collections::{BTreeSet, HashMap};

use toml::{Table, Value};
use toml_edit::{Array, ArrayOfTables, Decor, DocumentMut, Item, RawString, TableLike};

/// `text`, which means `before`, so that it means `after`; what is as `defaults` have it needs no line. `None` where it is no TOML.
/// Whoever calls makes sure that the result means what it should: TOML has more ways to write a table than are told apart here.
pub(super) fn edited(text: &str, before: &Table, after: &Table, defaults: &Table) -> Option<String> {
    // Lines are ended in one way while they are worked on, and as they were afterwards.
    let (marked, windows) = (text.starts_with('\u{feff}'), text.contains("\r\n"));
    let bare = text.trim_start_matches('\u{feff}').replace("\r\n", "\n");
    let mut document: DocumentMut = bare.parse().ok()?;
    // What is written about a file that says nothing yet stays at its top.
    if document.is_empty() && raw(Some(document.trailing())).contains('#') {
        let about = format!("{}\n\n", raw(Some(document.trailing())).trim_end());
        document.set_trailing("");
        document.decor_mut().set_prefix(about);
    }
    let mut loose = Vec::new();
    edit_table(document.as_table_mut(), before, after, Some(defaults), &mut loose);
    loose.into_iter().rev().for_each(|loose| put_down(&mut document, &loose));
    let mut text = document.to_string();
    if windows {
        text = text.replace('\n', "\r\n");
    }
    if marked {
        text.insert(0, '\u{feff}');
    }
    Some(text)
}

/// Comments whose place is gone, and where in the document they were: they stand before the next table then.
struct Loose {
    position: isize,
    text: String,
}

fn edit_table(
    table: &mut dyn TableLike,
    before: &Table,
    after: &Table,
    defaults: Option<&Table>,
    loose: &mut Vec<Loose>,
) {
    let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    for key in keys {
        let (old, new) = (before.get(key), after.get(key));
        if old == new {
            continue;
        }
        let default = defaults.and_then(|defaults| defaults.get(key));
        match (table.get_mut(key), new) {
            (Some(item), Some(new)) => {
                edit_item(item, old, new, default, loose);
                if is_spare(table, key, new, default) {
                    table.remove(key);
                }
            }
            (Some(_), None) => take_out(table, key, loose),
            (None, Some(new)) if default != Some(new) => {
                table.insert(key, item_of(&without_defaults(new, default)));
            }
            (None, _) => {}
        }
    }
}

fn edit_item(item: &mut Item, old: Option<&Value>, new: &Value, default: Option<&Value>, loose: &mut Vec<Loose>) {
    match (item, old, new) {
        (item, Some(Value::Table(old)), Value::Table(new)) if item.is_table_like() => {
            if let Some(table) = item.as_table_like_mut() {
                edit_table(table, old, new, default.and_then(Value::as_table), loose);
            }
        }
        (Item::ArrayOfTables(list), Some(Value::Array(old)), Value::Array(new))
            if list.len() == old.len() && new.iter().all(Value::is_table) =>
        {
            edit_tables(list, old, new, loose);
        }
        (Item::Value(toml_edit::Value::Array(list)), Some(Value::Array(old)), Value::Array(new))
            if list.len() == old.len() =>
        {
            edit_array(list, old, new, loose);
        }
        (Item::Value(value), _, new) => {
            let mut changed = value_of(new);
            *changed.decor_mut() = value.decor().clone();
            *value = changed;
        }
        (item, _, new) => *item = item_of(new),
    }
}

/// Whether what stands under `key` now says nothing: neither to Weir nor to people.
fn is_spare(table: &dyn TableLike, key: &str, new: &Value, default: Option<&Value>) -> bool {
    let (Some(key), Some(item)) = (table.key(key), table.get(key)) else { return false };
    let said = has_comment(key.leaf_decor()) || has_comment(key.dotted_decor());
    !said
        && match item {
            Item::Table(table) => table.is_empty() && !has_comment(table.decor()),
            Item::ArrayOfTables(list) => list.is_empty(),
            // A comment in the middle of a list is in its text; so may be a `#` in a string, which does no harm.
            Item::Value(value) => default == Some(new) && !value.to_string().contains('#'),
            Item::None => true,
        }
}

/// Removes a setting that has no default to be set to. What people wrote beside it stays, at what stands next to it.
fn take_out(table: &mut dyn TableLike, key: &str, loose: &mut Vec<Loose>) {
    let Some((name, item)) = table.get_key_value(key) else { return };
    let mut comment = comment_lines(prefix(name.leaf_decor()));
    match item {
        Item::Value(value) => comment.push_str(&comment_lines(suffix(value.decor()))),
        Item::Table(table) => comment.push_str(&comment_lines(prefix(table.decor()))),
        Item::ArrayOfTables(_) | Item::None => {}
    }
    let names: Vec<String> =
        table.iter().filter(|(_, item)| item.is_value()).map(|(name, _)| name.to_owned()).collect();
    let at = names.iter().position(|name| name == key);
    table.remove(key);
    if comment.is_empty() {
        return;
    }
    let before = at.and_then(|at| names.get(at.checked_sub(1)?));
    if let Some(value) = before.and_then(|name| table.get_mut(name)).and_then(Item::as_value_mut) {
        let decor = value.decor_mut();
        decor.set_suffix(format!("{}\n{}", suffix(decor), comment.trim_end()));
    } else if let Some(mut next) = at.and_then(|at| names.get(at + 1)).and_then(|name| table.key_mut(name)) {
        let decor = next.leaf_decor_mut();
        decor.set_prefix(comment + prefix(decor));
    } else {
        loose.push(Loose { position: isize::MAX, text: comment });
    }
}

/// Which of the old items each new one is: by its identity where all have one, otherwise by what has not changed around it.
fn origins(old: &[Value], new: &[Value]) -> Vec<Option<usize>> {
    if let (Some(old), Some(new)) = (ids(old), ids(new)) {
        let places: HashMap<&str, usize> = old.into_iter().enumerate().map(|(at, id)| (id, at)).collect();
        return new.into_iter().map(|id| places.get(id).copied()).collect();
    }
    let shorter = old.len().min(new.len());
    let head = old.iter().zip(new).take_while(|(old, new)| old == new).count();
    let tail = old.iter().rev().zip(new.iter().rev()).take(shorter - head).take_while(|(old, new)| old == new).count();
    let origin = |at: usize| match at {
        at if at < head => Some(at),
        at if at >= new.len() - tail => Some(old.len() - (new.len() - at)),
        at => Some(at).filter(|at| *at < old.len() - tail),
    };
    (0..new.len()).map(origin).collect()
}

/// The identities, if each item has one and no two have the same.
fn ids(list: &[Value]) -> Option<Vec<&str>> {
    let ids: Vec<&str> = list.iter().map(|item| item.get("id")?.as_str()).collect::<Option<_>>()?;
    let different = ids.iter().collect::<BTreeSet<_>>().len() == ids.len();
    different.then_some(ids)
}

fn edit_tables(list: &mut ArrayOfTables, old: &[Value], new: &[Value], loose: &mut Vec<Loose>) {
    let origins = origins(old, new);
    let mut tables: Vec<Option<toml_edit::Table>> = std::mem::take(list).into_iter().map(Some).collect();
    let first = tables.iter().flatten().filter_map(toml_edit::Table::position).min();
    for (at, item) in new.iter().enumerate() {
        let origin = origins.get(at).copied().flatten();
        let kept = origin.and_then(|origin| Some((tables.get_mut(origin)?.take()?, old.get(origin)?.as_table()?)));
        let table = match (kept, item) {
            (Some((mut table, old)), Value::Table(new)) => {
                edit_table(&mut table, old, new, None, loose);
                table
            }
            (_, item) => table_of(item),
        };
        list.push(table);
    }
    for gone in tables.iter().flatten() {
        let (position, text) = (gone.position().unwrap_or_default(), prefix(gone.decor()));
        loose.extend(of_others(text, position == 1).map(|text| Loose { position, text: text.to_owned() }));
    }
    // New ones follow the old ones by themselves; another order has to be said.
    let known: Vec<usize> = origins.iter().copied().flatten().collect();
    if !known.is_sorted() || origins.iter().skip_while(|origin| origin.is_some()).any(Option::is_some) {
        list.iter_mut().for_each(forget_positions);
        if let Some(table) = list.get_mut(0) {
            table.set_position(first);
        }
    }
}

/// What stands above the head of a table that is about something else: a remark of the table before, or about the whole file.
fn of_others(above: &str, is_first: bool) -> Option<&str> {
    let end = match above.rfind("\n\n") {
        Some(blank) => blank + 1,
        // Close below the last setting of another table, and close above this one.
        None if !is_first && !above.starts_with('\n') => above.len(),
        None => 0,
    };
    above.get(..end).filter(|text| text.contains('#'))
}

fn forget_positions(table: &mut toml_edit::Table) {
    table.set_position(None);
    for (_, item) in table.iter_mut() {
        match item {
            Item::Table(table) => forget_positions(table),
            Item::ArrayOfTables(list) => list.iter_mut().for_each(forget_positions),
            Item::Value(_) | Item::None => {}
        }
    }
}

/// Writes loose comments above the table that followed, or at the end.
fn put_down(document: &mut DocumentMut, loose: &Loose) {
    fn next(table: &toml_edit::Table, after: isize) -> Option<isize> {
        let below = table.iter().flat_map(|(_, item)| match item {
            Item::Table(table) => vec![table],
            Item::ArrayOfTables(list) => list.iter().collect(),
            Item::Value(_) | Item::None => Vec::new(),
        });
        let found = below.filter_map(|table| next(table, after)).min();
        let own = table.position().filter(|position| *position > after);
        [found, own].into_iter().flatten().min()
    }
    fn find(table: &mut toml_edit::Table, position: isize) -> Option<&mut toml_edit::Table> {
        if table.position() == Some(position) {
            return Some(table);
        }
        let below = table.iter_mut().flat_map(|(_, item)| match item {
            Item::Table(table) => vec![table],
            Item::ArrayOfTables(list) => list.iter_mut().collect(),
            Item::Value(_) | Item::None => Vec::new(),
        });
        below.into_iter().find_map(|table| find(table, position))
    }
    let place = next(document.as_table(), loose.position);
    if let Some(table) = place.and_then(|place| find(document.as_table_mut(), place)) {
        let decor = table.decor_mut();
        decor.set_prefix(format!("{}{}", loose.text, prefix(decor)));
    } else {
        let trailing = raw(Some(document.trailing())).to_owned();
        document.set_trailing(format!("{}{trailing}", loose.text));
    }
}

fn edit_array(list: &mut Array, old: &[Value], new: &[Value], loose: &mut Vec<Loose>) {
    let origins = origins(old, new);
    let mut values: Vec<Option<toml_edit::Value>> = list.iter().cloned().map(Some).collect();
    // One a line, where the list is written so.
    let line = values.iter().flatten().find_map(|value| {
        let before = prefix(value.decor());
        before.rfind('\n').and_then(|at| before.get(at..)).map(str::to_owned)
    });
    let mut trailing = raw(Some(list.trailing())).to_owned();
    let ends_with_comma = list.trailing_comma();
    list.clear();
    for (at, item) in new.iter().enumerate() {
        let origin = origins.get(at).copied().flatten();
        let kept = origin.and_then(|origin| Some((values.get_mut(origin)?.take()?, old.get(origin)?)));
        if let Some((value, old)) = kept {
            let mut value = Item::Value(value);
            edit_item(&mut value, Some(old), item, None, loose);
            list.extend(value.into_value());
            continue;
        }
        let mut value = value_of(item);
        if let Some(line) = &line {
            value.decor_mut().set_prefix(add_line(list, &mut trailing, line));
        }
        list.push_formatted(value);
    }
    for gone in values.iter().flatten() {
        // The comment in front of an item mostly belongs to the one before.
        let said = [prefix(gone.decor()), suffix(gone.decor())].concat();
        if said.contains('#') {
            trailing = format!("{}\n{}", said.trim_end(), trailing.strip_prefix('\n').unwrap_or(&trailing));
        }
    }
    list.set_trailing_comma(ends_with_comma);
    list.set_trailing(trailing);
}

/// What stands before a new item at the end of a list that has one a line; the remark about the last one stays with that.
fn add_line(list: &mut Array, trailing: &mut String, line: &str) -> String {
    let last = list.len().checked_sub(1).and_then(|last| list.get_mut(last));
    let Some(decor) = last.map(toml_edit::Value::decor_mut) else { return line.to_owned() };
    let after = suffix(decor).to_owned();
    if !after.is_empty() && !after.contains('#') {
        // It was the end of the line of the last one.
        decor.set_suffix("");
        if trailing.is_empty() {
            *trailing = after;
        }
    }
    match trailing.split_once('\n') {
        Some((remark, rest)) if remark.trim_start().starts_with('#') => {
            let before = format!("{remark}{line}");
            *trailing = format!("\n{rest}");
            before
        }
        _ => line.to_owned(),
    }
}

/// Only what differs.
fn without_defaults(value: &Value, default: Option<&Value>) -> Value {
    match (value, default) {
        (Value::Table(table), Some(Value::Table(defaults))) => {
            let differs = table.iter().filter(|(key, value)| defaults.get(*key) != Some(value));
            let rest = differs.map(|(key, value)| (key.clone(), without_defaults(value, defaults.get(key))));
            Value::Table(rest.collect())
        }
        (value, _) => value.clone(),
    }
}

fn item_of(value: &Value) -> Item {
    match value {
        Value::Table(_) => Item::Table(table_of(value)),
        Value::Array(list) if !list.is_empty() && list.iter().all(Value::is_table) => {
            Item::ArrayOfTables(list.iter().map(table_of).collect())
        }
        value => Item::Value(value_of(value)),
    }
}

fn table_of(value: &Value) -> toml_edit::Table {
    let fields = value.as_table().into_iter().flatten();
    fields.map(|(key, value)| (key.as_str(), item_of(value))).collect()
}

fn value_of(value: &Value) -> toml_edit::Value {
    match value {
        Value::String(text) => text.as_str().into(),
        Value::Integer(number) => (*number).into(),
        Value::Float(number) => (*number).into(),
        Value::Boolean(word) => (*word).into(),
        Value::Datetime(time) => (*time).into(),
        Value::Array(list) => list.iter().map(value_of).collect(),
        Value::Table(table) => table.iter().map(|(key, value)| (key.as_str(), value_of(value))).collect(),
    }
}

fn has_comment(decor: &Decor) -> bool {
    prefix(decor).contains('#') || suffix(decor).contains('#')
}

fn prefix(decor: &Decor) -> &str {
    raw(decor.prefix())
}

fn suffix(decor: &Decor) -> &str {
    raw(decor.suffix())
}

fn raw(text: Option<&RawString>) -> &str {
    text.and_then(RawString::as_str).unwrap_or_default()
}

/// The comments of `text`, a line each.
fn comment_lines(text: &str) -> String {
    let lines = text.lines().map(str::trim).filter(|line| line.starts_with('#'));
    lines.flat_map(|line| [line, "\n"]).collect()
}

#[cfg(test)]
mod tests;

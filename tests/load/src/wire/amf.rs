//! The little AMF0 a client needs: commands out, a name, a number and a status code in.

/// AMF0 values a client sends (AMF0 section 2).
pub(crate) enum Value<'a> {
    Number(f64),
    Boolean(bool),
    String(&'a str),
    Object(&'a [(&'a str, Value<'a>)]),
    EcmaArray(&'a [(&'a str, Value<'a>)]),
    Null,
}

/// Values one after another, as in the body of a command.
pub(crate) fn encode(values: &[Value<'_>]) -> Vec<u8> {
    let mut out = Vec::new();
    values.iter().for_each(|value| put(value, &mut out));
    out
}

fn put(value: &Value<'_>, out: &mut Vec<u8>) {
    match value {
        Value::Number(number) => {
            out.push(0);
            out.extend_from_slice(&number.to_be_bytes());
        }
        Value::Boolean(flag) => out.extend_from_slice(&[1, u8::from(*flag)]),
        Value::String(text) => {
            out.push(2);
            put_text(text, out);
        }
        Value::Object(entries) => {
            out.push(3);
            put_entries(entries, out);
        }
        Value::EcmaArray(entries) => {
            out.push(8);
            out.extend_from_slice(&(entries.len() as u32).to_be_bytes());
            put_entries(entries, out);
        }
        Value::Null => out.push(5),
    }
}

fn put_entries(entries: &[(&str, Value<'_>)], out: &mut Vec<u8>) {
    for (key, value) in entries {
        put_text(key, out);
        put(value, out);
    }
    out.extend_from_slice(&[0, 0, 9]);
}

fn put_text(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(&(text.len() as u16).to_be_bytes());
    out.extend_from_slice(text.as_bytes());
}

/// The parts of an answer the client acts on.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Answer {
    pub(crate) name: String,
    pub(crate) transaction: f64,
    /// The value after the command object when it is a number: the message stream id of `createStream`'s `_result`.
    pub(crate) number: Option<f64>,
    /// The `code` property, wherever it is.
    pub(crate) code: Option<String>,
}

/// Reads a command, or `None` when it does not even begin like one.
pub(crate) fn answer(body: &[u8]) -> Option<Answer> {
    let rest = body.strip_prefix(&[2])?;
    let (name, rest) = text(rest)?;
    let transaction = number(rest)?;
    let number = rest.get(9..).and_then(|rest| number(rest.strip_prefix(&[5])?));
    let key = b"\x00\x04code\x02";
    let code = rest
        .windows(key.len())
        .position(|window| window == key)
        .and_then(|at| text(rest.get(at + key.len()..)?))
        .map(|(code, _)| code);
    Some(Answer { name, transaction, number, code })
}

fn text(bytes: &[u8]) -> Option<(String, &[u8])> {
    let (length, rest) = bytes.split_at_checked(2)?;
    let (text, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(length.try_into().ok()?)))?;
    Some((String::from_utf8_lossy(text).into_owned(), rest))
}

fn number(bytes: &[u8]) -> Option<f64> {
    Some(f64::from_be_bytes(bytes.strip_prefix(&[0])?.get(..8)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_yields_its_stream_id_and_its_code() {
        let created = encode(&[Value::String("_result"), Value::Number(2.0), Value::Null, Value::Number(1.0)]);
        let created = answer(&created).expect("a command");
        assert_eq!((created.name.as_str(), created.transaction, created.number), ("_result", 2.0, Some(1.0)));

        let info = [("level", Value::String("status")), ("code", Value::String("NetStream.Play.Start"))];
        let status = encode(&[Value::String("onStatus"), Value::Number(0.0), Value::Null, Value::Object(&info)]);
        assert_eq!(answer(&status).expect("a command").code.as_deref(), Some("NetStream.Play.Start"));
        assert_eq!(answer(b"junk"), None);
    }
}

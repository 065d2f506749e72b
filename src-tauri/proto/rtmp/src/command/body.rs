//! The common shape of all commands: name, transaction, command object, arguments.

use bytes::BytesMut;
use weir_amf0::{Decoder, Limits, Value, encode, encode_all};

use super::Error;

/// A command as it stands on the wire.
#[derive(Clone, PartialEq)]
pub struct Command {
    /// What is called, e.g. `publish`.
    pub name: String,
    /// Joins a call to its answer; 0 asks for none.
    pub transaction: f64,
    /// The command object, null for most.
    pub object: Value,
    /// All values after the command object.
    pub arguments: Vec<Value>,
}

impl Command {
    /// A command with a null command object.
    pub fn new(name: &str, transaction: f64, arguments: impl Into<Vec<Value>>) -> Self {
        Self { name: name.to_owned(), transaction, object: Value::Null, arguments: arguments.into() }
    }

    /// The same command with this command object.
    pub fn with_object(mut self, object: Value) -> Self {
        self.object = object;
        self
    }

    /// Reads a body of AMF0 values. What is missing at the end is null or 0, and a value that cannot be read ends the
    /// arguments, unless name or transaction is hit: clients append things of their own.
    pub fn parse(body: &[u8]) -> Result<Self, Error> {
        Self::parse_within(body, Limits::COMMAND.depth)
    }

    /// As [`Command::parse`], with values nested no deeper than `depth`.
    pub fn parse_within(body: &[u8], depth: usize) -> Result<Self, Error> {
        let mut values = Decoder::with_limits(body, Limits { depth, ..Limits::COMMAND });
        let name = values.next().transpose()?;
        let name = name.as_ref().and_then(Value::as_str).ok_or(Error::NoName)?.to_owned();
        let transaction = values.next().transpose()?.and_then(|value| value.as_number()).unwrap_or_default();
        let object = values.next().transpose()?.unwrap_or(Value::Null);
        let arguments = values.map_while(Result::ok).collect();
        Ok(Self { name, transaction, object, arguments })
    }

    /// Appends the body as AMF0 values.
    pub fn encode(&self, out: &mut BytesMut) {
        encode(&Value::String(self.name.clone()), out);
        encode(&Value::Number(self.transaction), out);
        encode(&self.object, out);
        encode_all(&self.arguments, out);
    }

    /// The argument at `index`, null if there is none.
    pub fn argument(&self, index: usize) -> &Value {
        self.arguments.get(index).unwrap_or(&Value::Null)
    }
}

/// Names and tokens pass through commands, so only the shape is shown.
impl std::fmt::Debug for Command {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Command({:?}, transaction {}, {} arguments)", self.name, self.transaction, self.arguments.len())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Request;
    use super::*;

    #[test]
    fn what_is_missing_at_the_end_is_null() {
        let mut body = BytesMut::new();
        encode(&Value::from("createStream"), &mut body);
        assert_eq!(Command::parse(&body), Ok(Command::new("createStream", 0.0, [])));
        assert_eq!(Command::parse(b""), Err(Error::NoName));
        assert_eq!(Command::parse(b"\x05"), Err(Error::NoName));
    }

    #[test]
    fn arguments_end_where_they_cannot_be_read() {
        let mut body = BytesMut::new();
        Command::new("publish", 1.0, [Value::from("key")]).encode(&mut body);
        body.extend_from_slice(b"\xFFtrailer");
        assert_eq!(Command::parse(&body).unwrap().arguments, [Value::from("key")]);
    }

    #[test]
    fn names_of_streams_are_in_no_debug_output() {
        let command = Command::new("publish", 1.0, [Value::from("canary")]);
        assert_eq!(format!("{command:?}"), "Command(\"publish\", transaction 1, 1 arguments)");
    }

    proptest! {
        #[test]
        fn commands_survive_the_round_trip(
            name in ".{0,20}",
            transaction in 0.0..1e9f64,
            texts in prop::collection::vec(".{0,30}", 0..5),
        ) {
            let arguments: Vec<_> = texts.into_iter().map(Value::from).collect();
            let command = Command::new(&name, transaction, arguments).with_object(Value::object([("app", "live")]));
            let mut body = BytesMut::new();
            command.encode(&mut body);
            prop_assert_eq!(Command::parse(&body), Ok(command));
        }

        #[test]
        fn any_arguments_make_some_request(
            name in prop::sample::select(vec!["connect", "publish", "play", "pause", "seek", "deleteStream"]),
            rest in prop::collection::vec(prop_oneof![0u8..0x12, any::<u8>()], 0..100),
        ) {
            let mut body = BytesMut::new();
            encode_all(&[Value::from(name), Value::from(1.0)], &mut body);
            body.extend_from_slice(&rest);
            if let Ok(command) = Command::parse(&body) {
                prop_assert_ne!(Request::from_command(&command), Request::Unknown);
            }
        }
    }
}

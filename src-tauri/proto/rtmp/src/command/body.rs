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
        let mut values = Decoder::with_limits(body, Limits::COMMAND);
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

//! Answers to commands.

use weir_amf0::Value;

use super::{Capabilities, Command, Status, code};

/// What Flash-era clients expect a server to call itself.
const FMS_VERSION: &str = "FMS/3,0,1,123";
/// What such a server can do, likewise.
const FMS_CAPABILITIES: f64 = 31.0;

/// `_result` to `connect`. A peer that announced Enhanced RTMP learns what Weir does.
pub fn connected(transaction: f64, enhanced: bool) -> Command {
    let mut properties = vec![
        ("fmsVer".to_owned(), Value::from(FMS_VERSION)),
        ("capabilities".to_owned(), Value::Number(FMS_CAPABILITIES)),
    ];
    let status = Status::ok(code::CONNECT_SUCCESS, "Connection succeeded.").to_value();
    let mut information = status.entries().unwrap_or_default().to_vec();
    information.push(("objectEncoding".to_owned(), Value::Number(0.0)));
    if enhanced {
        // The specification leaves open which of the two objects is meant, and clients look in either.
        properties.extend(Capabilities::weir().to_entries());
        information.extend(Capabilities::weir().to_entries());
    }
    result(transaction, Value::Object(information)).with_object(Value::Object(properties))
}

/// `_result` with one value.
pub fn result(transaction: f64, value: Value) -> Command {
    Command::new("_result", transaction, [value])
}

/// `_result` with nothing to say.
pub fn done(transaction: f64) -> Command {
    Command::new("_result", transaction, [])
}

/// `_error` with a status. FFmpeg reads its description and fails without one.
pub fn error(transaction: f64, status: &Status) -> Command {
    Command::new("_error", transaction, [status.to_value()])
}

/// A call in the other direction that wants no answer and carries a status, such as `onFCPublish`.
pub fn notify(name: &str, status: &Status) -> Command {
    Command::new(name, 0.0, [status.to_value()])
}

//! The `connect` command (RTMP 1.0, section 7.2.1.1).

use weir_amf0::Value;
use weir_media::Secret;

use super::{Capabilities, Command};

/// What a client says of itself when it connects.
#[derive(Debug, Clone, PartialEq)]
pub struct Connect {
    /// The application, as sent: may hold slashes and a query, hence secret.
    pub app: Secret<String>,
    /// The URL the client was given, without the stream name; may hold a query, hence secret.
    pub tc_url: Secret<String>,
    /// The client's name for itself, e.g. `FMLE/3.0 (compatible; FMSc/1.0)`.
    pub flash_ver: String,
    /// 0 for AMF0, 3 for AMF3.
    pub object_encoding: f64,
    /// Enhanced RTMP.
    pub capabilities: Capabilities,
}

impl Connect {
    /// Reads the command object, an object or ECMA array. Fields of other types and missing fields are empty.
    pub fn from_command(command: &Command) -> Self {
        let object = &command.object;
        // Some cameras quote their values or spell the key in lower case.
        let text = |key| object.get(key).and_then(Value::as_str).map(unquote).unwrap_or_default().to_owned();
        let tc_url = match text("tcUrl") {
            url if url.is_empty() => text("tcurl"),
            url => url,
        };
        Self {
            app: Secret::new(text("app")),
            tc_url: Secret::new(tc_url),
            flash_ver: text("flashVer"),
            object_encoding: object.get("objectEncoding").and_then(Value::as_number).unwrap_or_default(),
            capabilities: Capabilities::from_value(object),
        }
    }

    /// The command that connects a publisher, in librtmp's order: the sequence platforms are tested with. What Enhanced RTMP
    /// adds comes last; servers that do not know it pass over it.
    pub fn to_publisher_command(&self) -> Command {
        let mut object = Value::object([
            ("app", self.app.expose().as_str()),
            ("type", "nonprivate"),
            ("flashVer", self.flash_ver.as_str()),
            ("swfUrl", self.tc_url.expose().as_str()),
            ("tcUrl", self.tc_url.expose().as_str()),
        ]);
        if let Value::Object(entries) = &mut object
            && self.capabilities.is_enhanced()
        {
            entries.extend(self.capabilities.to_entries());
        }
        Command { name: "connect".to_owned(), transaction: 1.0, object, arguments: Vec::new() }
    }
}

fn unquote(text: &str) -> &str {
    text.strip_prefix('\'').and_then(|text| text.strip_suffix('\'')).unwrap_or(text)
}

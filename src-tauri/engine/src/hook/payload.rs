//! What a hook is given: the predecessor's names, as JSON and as an environment.

use serde_json::{Map, Value, json};

use crate::lifecycle::{Event, Kind};

/// Longest value in an environment: systems limit the whole of it, and a longer one is a mistake.
const MAX_VALUE: usize = 4096;

/// One event as hooks see it.
#[derive(Debug, Clone)]
pub(super) struct Payload {
    kind: Kind,
    body: Map<String, Value>,
}

impl Payload {
    pub(super) fn new(event: &Event) -> Self {
        let mut body = Map::new();
        body.insert("type".to_owned(), json!(event.kind().name()));
        body.insert("timestamp".to_owned(), json!(event.at / 1000));
        if let Some(connection) = event.connection {
            body.insert("conn_id".to_owned(), json!(connection.0.to_string()));
        }
        if let Some(path) = &event.path {
            body.insert("stream_key".to_owned(), json!(path.as_str()));
        }
        let data = event.what.data(event.path.as_ref());
        if !data.is_empty() {
            body.insert("data".to_owned(), Value::Object(data));
        }
        Self { kind: event.kind(), body }
    }

    /// Says that it is a sample.
    pub(super) fn into_sample(mut self) -> Self {
        if let Value::Object(data) = self.body.entry("data").or_insert_with(|| json!({})) {
            data.insert("sample".to_owned(), json!(true));
        }
        self
    }

    pub(super) const fn kind(&self) -> Kind {
        self.kind
    }

    /// The stream it is about.
    pub(super) fn stream(&self) -> Option<&str> {
        self.body.get("stream_key").and_then(Value::as_str)
    }

    /// As JSON on one line.
    pub(super) fn json(&self) -> String {
        // A map of plain values always has a text.
        serde_json::to_string(&self.body).unwrap_or_default()
    }

    /// As an environment. Values are one line each and hold no NUL, which no environment can.
    pub(super) fn environment(&self) -> Vec<(String, String)> {
        let mut all = Vec::new();
        let mut add = |name: &str, value: &Value| all.push((format!("RTMP_{}", name.to_uppercase()), plain(value)));
        for (name, value) in &self.body {
            match (name.as_str(), value) {
                ("type", value) => add("EVENT_TYPE", value),
                ("data", Value::Object(data)) => data.iter().for_each(|(name, value)| add(name, value)),
                (name, value) => add(name, value),
            }
        }
        all
    }
}

fn plain(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    text.chars().take(MAX_VALUE).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use weir_hub::ConnectionId;
    use weir_media::StreamPath;

    use super::*;
    use crate::auth::Action;
    use crate::lifecycle::What;

    #[test]
    fn names_and_shape_are_those_of_the_predecessor() {
        let event = Event {
            at: 1_700_000_000_999,
            connection: Some(ConnectionId(7)),
            path: StreamPath::parse("live/show").ok(),
            what: What::AuthFailed { action: Action::Publish, error: "wrong\ntoken".to_owned() },
        };
        let payload = Payload::new(&event);
        let body: Value = serde_json::from_str(&payload.json()).unwrap();
        assert_eq!(
            body,
            json!({"type": "auth_failed", "timestamp": 1_700_000_000, "conn_id": "7", "stream_key": "live/show",
                "data": {"action": "publish", "error": "wrong\ntoken"}})
        );
        let environment = payload.environment();
        for (name, value) in [
            ("RTMP_EVENT_TYPE", "auth_failed"),
            ("RTMP_TIMESTAMP", "1700000000"),
            ("RTMP_CONN_ID", "7"),
            ("RTMP_STREAM_KEY", "live/show"),
            ("RTMP_ACTION", "publish"),
            ("RTMP_ERROR", "wrong token"),
        ] {
            assert!(environment.contains(&(name.to_owned(), value.to_owned())), "{name}: {environment:?}");
        }
    }
}

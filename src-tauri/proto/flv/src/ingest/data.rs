//! Data messages: metadata becomes the configuration of the data track, everything else its frames.

use bytes::{Bytes, BytesMut};
use weir_amf0::{Decoder, Value};
use weir_media::{Codec, Frame, FrameKind, Timestamp, TrackId};

use super::{Ingest, Item, owned};
use crate::{Error, MAX_CONFIG};

impl Ingest {
    pub(super) fn handle_data(&mut self, time: Timestamp, body: &Bytes, out: &mut Vec<Item>) -> Result<(), Error> {
        let mut values = Decoder::new(body);
        let mut message = body.clone();
        let mut name = next_name(&mut values);
        let wrapper = name.take_if(|name| name == "@setDataFrame" || name == "@clearDataFrame");
        if wrapper.is_some() {
            message = body.slice(body.len().saturating_sub(values.rest().len())..);
            name = next_name(&mut values);
        }
        let id = TrackId::DATA;
        match (wrapper.as_deref(), name.as_deref()) {
            // FFmpeg's timecode messages are no AMF0; nor is what some cameras send.
            (_, None) => self.ignore(),
            (Some("@clearDataFrame"), Some("onMetaData")) => {
                if self.track(id, Codec::Script).is_some() {
                    self.update(id, Codec::Script, out, |track| track.config = None)?;
                }
            }
            (Some("@clearDataFrame"), Some(_)) => self.ignore(),
            (_, Some("onMetaData")) => {
                if message.len() > MAX_CONFIG {
                    return Err(Error::ConfigTooLong { codec: Codec::Script, len: message.len() });
                }
                let Some(config) = values.next().and_then(Result::ok).and_then(metadata) else {
                    self.ignore();
                    return Ok(());
                };
                let config = owned(Codec::Script, &config)?;
                self.update(id, Codec::Script, out, |track| track.config = Some(config))?;
            }
            (_, Some(_)) => {
                if self.track(id, Codec::Script).is_none() {
                    self.update(id, Codec::Script, out, |_| {})?;
                }
                out.push(Item::Frame(Frame { track: id, dts: time, pts: time, kind: FrameKind::Key, data: message }));
            }
        }
        Ok(())
    }
}

fn next_name(values: &mut Decoder<'_>) -> Option<String> {
    match values.next()?.ok()? {
        Value::String(name) => Some(name),
        _ => None,
    }
}

/// The message in the form that every player understands: FFmpeg reads metadata from an ECMA array only.
fn metadata(value: Value) -> Option<BytesMut> {
    let entries = match value {
        Value::Object(entries) | Value::EcmaArray(entries) => entries,
        other => other.entries()?.to_vec(),
    };
    let mut out = BytesMut::new();
    weir_amf0::encode_all(&[Value::String("onMetaData".into()), Value::EcmaArray(entries)], &mut out);
    Some(out)
}

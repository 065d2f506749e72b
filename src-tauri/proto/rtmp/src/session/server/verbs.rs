//! What the application tells a server session to do.

use bytes::BytesMut;
use weir_amf0::{Value, encode_all};

use super::event::{Event, RequestId};
use super::net_stream::{NetStream, Role};
use super::session::{Phase, ServerSession};
use crate::chunk::csid;
use crate::command::{Command, Status, code};
use crate::message::{Control, UserControl, kind};

/// The publish or play meant is over, or was never in the state the verb needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the client has ended this request meanwhile")]
pub struct Gone;

/// Why a publish or play is refused or ended by the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejection {
    /// Another publisher has the name.
    NameTaken,
    /// Key, token or password are missing or wrong.
    Unauthorized,
    /// Not allowed, whoever asks.
    Denied,
    /// No such stream.
    NotFound,
    /// It failed on our side.
    Failed,
}

impl Rejection {
    /// OBS and GStreamer know `Denied` and pass over `Unauthorized`, so the former says both.
    const fn publish_code(self) -> &'static str {
        match self {
            Self::NameTaken => code::PUBLISH_BAD_NAME,
            Self::Unauthorized | Self::Denied => code::PUBLISH_DENIED,
            Self::NotFound | Self::Failed => code::PUBLISH_REJECTED,
        }
    }

    const fn play_code(self) -> &'static str {
        match self {
            Self::NotFound => code::PLAY_STREAM_NOT_FOUND,
            Self::NameTaken | Self::Unauthorized | Self::Denied | Self::Failed => code::PLAY_FAILED,
        }
    }
}

impl ServerSession {
    /// Admits a publish. Media that came early follows as events.
    pub fn accept_publish(&mut self, id: RequestId) -> Result<(), Gone> {
        let stream = self.find(id)?;
        let Role::PublishPending { request, name, held, .. } = &mut stream.role else { return Err(Gone) };
        let (request, name, held) = (*request, name.clone(), std::mem::take(held));
        stream.role = Role::Publishing { request, name };
        let stream_id = stream.id;
        self.link.send_control(&Control::User(UserControl::StreamBegin(stream_id)));
        self.send_status(stream_id, &Status::ok(code::PUBLISH_START, "Publishing."));
        held.into_iter().for_each(|message| self.outbox.push(Event::Media { id, message }));
        Ok(())
    }

    /// Refuses a publish, or ends one that runs, and closes the connection once the client was told. The sentence is
    /// shown to the streamer by some clients; keep secrets out.
    pub fn reject_publish(&mut self, id: RequestId, why: Rejection, sentence: &str) -> Result<(), Gone> {
        let stream = self.find(id)?;
        if !stream.takes_media() {
            return Err(Gone);
        }
        let stream_id = stream.id;
        self.send_status(stream_id, &Status::error(why.publish_code(), sentence));
        self.close();
        Ok(())
    }

    /// Admits a play: media may be sent on its message stream from now on, after the bytes this queues.
    pub fn accept_play(&mut self, id: RequestId) -> Result<(), Gone> {
        let stream = self.find(id)?;
        let Role::PlayPending { request, reset } = stream.role else { return Err(Gone) };
        stream.role = Role::Playing { request };
        let stream_id = stream.id;
        self.link.send_control(&Control::User(UserControl::StreamBegin(stream_id)));
        if reset {
            self.send_status(stream_id, &Status::ok(code::PLAY_RESET, "Playing from the start."));
        }
        self.send_status(stream_id, &Status::ok(code::PLAY_START, "Playing."));
        let mut access = BytesMut::new();
        encode_all(&[Value::from("|RtmpSampleAccess"), Value::from(true), Value::from(true)], &mut access);
        self.link.send(csid::DATA, stream_id, kind::DATA, &access);
        Ok(())
    }

    /// Refuses a play and closes the connection once the client was told.
    pub fn reject_play(&mut self, id: RequestId, why: Rejection, sentence: &str) -> Result<(), Gone> {
        let stream = self.find(id)?;
        if !matches!(stream.role, Role::PlayPending { .. } | Role::Playing { .. }) {
            return Err(Gone);
        }
        let stream_id = stream.id;
        self.send_status(stream_id, &Status::error(why.play_code(), sentence));
        self.close();
        Ok(())
    }

    /// Tells a player that the publisher has left for good. Its message stream stays for another `play`.
    pub fn end_play(&mut self, id: RequestId) -> Result<(), Gone> {
        let stream = self.find(id)?;
        let Role::Playing { .. } = stream.role else { return Err(Gone) };
        stream.role = Role::Idle;
        let stream_id = stream.id;
        self.link.send_control(&Control::User(UserControl::StreamEof(stream_id)));
        self.send_status(stream_id, &Status::ok(code::PLAY_UNPUBLISH_NOTIFY, "The publisher left."));
        self.send_status(stream_id, &Status::ok(code::PLAY_STOP, "Playing ended."));
        Ok(())
    }

    /// Closes the connection once everything queued was sent. Tell players and publishers why before.
    pub fn disconnect(&mut self) {
        self.close();
    }

    /// Asks the client to connect anew, to `tc_url` or to the same address, and to leave once it is there (Enhanced
    /// RTMP v2, "Reconnect Request"). Fails if the client did not say that it understands this.
    pub fn request_reconnect(&mut self, tc_url: Option<&str>, sentence: &str) -> Result<(), Gone> {
        let Phase::Connected(peer) = &self.phase else { return Err(Gone) };
        if !peer.takes_reconnect {
            return Err(Gone);
        }
        let status = Status::ok(code::RECONNECT_REQUEST, sentence).to_value();
        let mut information = status.entries().unwrap_or_default().to_vec();
        information.extend(tc_url.map(|url| ("tcUrl".to_owned(), Value::from(url))));
        self.link.send_command(0, &Command::new("onStatus", 0.0, [Value::Object(information)]));
        Ok(())
    }

    fn find(&mut self, id: RequestId) -> Result<&mut NetStream, Gone> {
        self.streams.iter_mut().find(|stream| stream.request() == Some(id)).ok_or(Gone)
    }
}

//! What a server does when a client calls.

use std::time::Instant;

use weir_amf0::Value;
use weir_media::{PathError, Secret, StreamPath};

use super::event::{EndReason, Event, PlayControl, PlayRequest, PublishRequest};
use super::net_stream::{MAX_STREAMS, NetStream, Role};
use super::session::{Peer, Phase, ServerSession};
use crate::chunk::Limits;
use crate::command::{Address, Command, Connect, PlayRange, Request, Status, code, reply};
use crate::session::Error;
use crate::session::deadline::Waiting;

impl ServerSession {
    pub(super) fn handle_command(&mut self, now: Instant, stream_id: u32, payload: &[u8]) -> Result<(), Error> {
        let command = match Command::parse_within(payload, self.config.limits.amf_depth) {
            Ok(command) => command,
            Err(source) if matches!(self.phase, Phase::Connect) => {
                return Err(Error::Command { received: self.link.received(), source });
            }
            // Without a name and a transaction there is nobody to answer, and the stream must not suffer.
            Err(_) => {
                self.ignored = self.ignored.saturating_add(1);
                return Ok(());
            }
        };
        let call = Call { transaction: command.transaction, stream_id };
        match (Request::from_command(&command), matches!(self.phase, Phase::Connected(_))) {
            (Request::Connect(connect), false) => self.connect(now, call, *connect),
            (Request::Answer, _) => {}
            (_, false) => {
                self.fail(call, "Connect to an application first.");
                self.close();
            }
            (request, true) => self.handle_request(call, &command.name, request),
        }
        Ok(())
    }

    fn handle_request(&mut self, call: Call, name: &str, request: Request) {
        match request {
            Request::Connect(_) => self.fail(call, "This connection is connected already."),
            Request::CreateStream => self.create_stream(call),
            Request::ReleaseStream => self.done_if_distinct(call),
            Request::CheckBandwidth => self.done(call),
            Request::FcPublish => {
                self.done_if_distinct(call);
                let status = Status::ok(code::PUBLISH_START, "Go on with publish.");
                self.link.send_command(0, &reply::notify("onFCPublish", &status));
            }
            Request::FcSubscribe => {
                self.done(call);
                let status = Status::ok(code::PLAY_START, "Go on with play.");
                self.link.send_command(0, &reply::notify("onFCSubscribe", &status));
            }
            Request::FcUnpublish(name) => self.fc_unpublish(call, &name),
            Request::StreamLength => self.answer(call, &reply::result(call.transaction, Value::Number(0.0))),
            Request::Ping => self.link.send_command(0, &Command::new("pong", call.transaction, [])),
            Request::Publish(name) => self.publish(call, name),
            Request::Play { name, range, reset } => self.play(call, &name, range, reset),
            Request::Pause { paused, .. } => self.pause(call, paused),
            Request::Seek(millis) => {
                if let Some(stream_id) = self.control_play(call, PlayControl::Seek(millis)) {
                    self.send_status(stream_id, &Status::ok(code::SEEK_NOTIFY, "Seeking."));
                }
            }
            Request::ReceiveAudio(wanted) => self.receive(call, PlayControl::ReceiveAudio(wanted), wanted),
            Request::ReceiveVideo(wanted) => self.receive(call, PlayControl::ReceiveVideo(wanted), wanted),
            Request::CloseStream => {
                if let Some(index) = self.named_stream(call.stream_id) {
                    self.end(index, EndReason::Closed);
                }
            }
            Request::DeleteStream(id) => {
                if let Some(index) = self.named_stream(id.unwrap_or(call.stream_id)) {
                    self.end(index, EndReason::Closed);
                    self.streams.remove(index);
                }
            }
            Request::Answer => {}
            Request::Unknown => self.fail(call, &format!("The call {} is not known here.", shorten(name))),
        }
    }

    fn connect(&mut self, now: Instant, call: Call, connect: Connect) {
        // An empty application is fine: the stream name may hold the whole path.
        if let Err(error) = StreamPath::parse(connect.app.expose())
            && error != PathError::Empty
        {
            let status = Status::error(code::CONNECT_INVALID_APP, &format!("The application cannot be used: {error}."));
            self.link.send_command(0, &reply::error(call.transaction, &status));
            self.close();
            return;
        }
        let config = self.config.clone();
        if let Some(sentence) = &config.refuses {
            let status = Status::error(code::CONNECT_REJECTED, sentence);
            self.link.send_command(0, &reply::error(call.transaction, &status));
            self.close();
            return;
        }
        self.link.send_window(config.window_ack_size);
        self.link.send_bandwidth(config.peer_bandwidth);
        // FFmpeg sends chunks of 128 bytes until it is told a size, and then takes ours.
        self.link.send_chunk_size(config.chunk_size);
        self.link.send_command(0, &reply::connected(call.transaction, connect.capabilities.is_enhanced()));
        self.link.reader.set_limits(config.limits.within(Limits::CONNECTED));
        self.deadline.waiting = Waiting::Alive { last: now, pinged: None };
        self.phase = Phase::Connected(Box::new(Peer {
            app: connect.app.clone(),
            tc_url: connect.tc_url.clone(),
            takes_reconnect: connect.capabilities.has_reconnect(),
            transaction: call.transaction,
        }));
        self.outbox.push(Event::Connected(Box::new(connect)));
    }

    fn create_stream(&mut self, call: Call) {
        // The lowest free id: 1 for nearly everybody, so that players share bytes, and never 0.
        let free = (1u32..).find(|id| self.streams.iter().all(|stream| stream.id != *id));
        match free {
            Some(id) if self.streams.len() < MAX_STREAMS => {
                self.streams.reserve_exact(1);
                self.streams.push(NetStream::new(id));
                self.answer(call, &reply::result(call.transaction, Value::from(id)));
            }
            _ => self.fail(call, &format!("A connection may have {MAX_STREAMS} streams at most.")),
        }
    }

    fn publish(&mut self, call: Call, name: Secret<String>) {
        let Some(index) = self.stream_to_use(call) else { return };
        let Some(address) = self.address(index, &name, code::PUBLISH_BAD_NAME) else { return };
        self.end(index, EndReason::Replaced);
        let id = self.new_request();
        let Some(stream) = self.streams.get_mut(index) else { return };
        stream.role = Role::PublishPending { request: id, name: name.clone(), held: Vec::new(), held_len: 0 };
        self.link.reader.set_limits(self.config.limits.within(Limits::PUBLISHING));
        let Address { path, query } = address;
        self.outbox.push(Event::PublishRequested(Box::new(PublishRequest { id, path, query, name })));
    }

    fn play(&mut self, call: Call, name: &Secret<String>, range: PlayRange, reset: bool) {
        let Some(index) = self.stream_to_use(call) else { return };
        let Some(address) = self.address(index, name, code::PLAY_STREAM_NOT_FOUND) else { return };
        self.end(index, EndReason::Replaced);
        let id = self.new_request();
        let Some(stream) = self.streams.get_mut(index) else { return };
        stream.role = Role::PlayPending { request: id, reset };
        let message_stream_id = stream.id;
        let Address { path, query } = address;
        self.outbox.push(Event::PlayRequested(Box::new(PlayRequest { id, path, query, range, message_stream_id })));
    }

    /// Which stream is meant, or a refusal sent.
    fn address(&mut self, index: usize, name: &Secret<String>, refusal: &str) -> Option<Address> {
        let Phase::Connected(peer) = &self.phase else { return None };
        match Address::join(peer.app.expose(), peer.tc_url.expose(), name.expose()) {
            Ok(address) => Some(address),
            Err(error) => {
                let stream_id = self.streams.get(index).map_or(0, |stream| stream.id);
                let status = Status::error(refusal, &format!("The name cannot be used: {error}."));
                self.send_status(stream_id, &status);
                self.close();
                None
            }
        }
    }

    fn fc_unpublish(&mut self, call: Call, name: &Secret<String>) {
        self.done(call);
        let status = Status::ok(code::UNPUBLISH_SUCCESS, "Publishing ended.");
        self.link.send_command(0, &reply::notify("onFCUnpublish", &status));
        let publishes = || self.streams.iter().enumerate().filter(|(_, stream)| stream.takes_media());
        // With one publish the name does not matter: clients send it with and without its query.
        let only = if publishes().count() == 1 { publishes().next() } else { None };
        let index = only.or_else(|| publishes().find(|(_, stream)| stream.publish_name() == Some(name)));
        if let Some((index, stream)) = index {
            let id = stream.id;
            self.send_status(id, &status);
            self.end(index, EndReason::Closed);
        }
    }

    fn pause(&mut self, call: Call, paused: bool) {
        let (control, status) = match paused {
            true => (PlayControl::Pause, Status::ok(code::PAUSE_NOTIFY, "Paused.")),
            false => (PlayControl::Resume, Status::ok(code::UNPAUSE_NOTIFY, "Going on.")),
        };
        if let Some(stream_id) = self.control_play(call, control) {
            self.deadline.patient = paused;
            self.send_status(stream_id, &status);
        }
    }

    /// Switching a track on is answered, switching it off is not (RTMP 1.0, sections 7.2.2.4 and 7.2.2.5).
    fn receive(&mut self, call: Call, control: PlayControl, wanted: bool) {
        let Some(stream_id) = self.control_play(call, control) else { return };
        if wanted {
            self.send_status(stream_id, &Status::ok(code::SEEK_NOTIFY, "Seeking."));
            self.send_status(stream_id, &Status::ok(code::PLAY_START, "Playing."));
        }
    }

    /// Passes a control on if a play is there to be controlled, and says on which message stream.
    fn control_play(&mut self, call: Call, control: PlayControl) -> Option<u32> {
        let stream = self.streams.get(self.named_stream(call.stream_id)?)?;
        let Role::Playing { request } = stream.role else { return None };
        self.outbox.push(Event::PlayControl { id: request, control });
        Some(stream.id)
    }

    /// The stream a call names; 0 and ids never given out mean the only one there is.
    fn named_stream(&self, id: u32) -> Option<usize> {
        let exact = self.streams.iter().position(|stream| stream.id == id);
        exact.or_else(|| (self.streams.len() == 1).then_some(0))
    }

    /// The stream to publish or play on. Cameras leave `createStream` out: then the id they use exists from now on.
    fn stream_to_use(&mut self, call: Call) -> Option<usize> {
        if let Some(index) = self.named_stream(call.stream_id) {
            return Some(index);
        }
        if self.streams.len() >= MAX_STREAMS {
            self.fail(call, &format!("A connection may have {MAX_STREAMS} streams at most."));
            return None;
        }
        self.streams.push(NetStream::new(call.stream_id));
        self.streams.len().checked_sub(1)
    }

    fn done(&mut self, call: Call) {
        self.answer(call, &reply::done(call.transaction));
    }

    /// The same for calls that nobody waits for. xiu numbers them as its `connect` and takes an answer for another one to that.
    fn done_if_distinct(&mut self, call: Call) {
        let Phase::Connected(peer) = &self.phase else { return };
        if peer.transaction != call.transaction {
            self.done(call);
        }
    }

    fn fail(&mut self, call: Call, description: &str) {
        self.answer(call, &reply::error(call.transaction, &Status::error(code::CALL_FAILED, description)));
    }

    /// GStreamer calls with transaction 0, which wants no answer.
    fn answer(&mut self, call: Call, command: &Command) {
        if call.transaction != 0.0 {
            self.link.send_command(0, command);
        }
    }

    pub(super) fn send_status(&mut self, stream_id: u32, status: &Status) {
        self.link.send_command(stream_id, &status.to_command());
    }
}

/// Where a call came from and how to answer it.
#[derive(Debug, Clone, Copy)]
struct Call {
    transaction: f64,
    stream_id: u32,
}

fn shorten(name: &str) -> String {
    name.chars().take(40).collect()
}

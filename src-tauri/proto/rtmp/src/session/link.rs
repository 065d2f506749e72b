//! What both sides of a connection do alike: chunks in and out, acknowledgements, windows, pings.

use bytes::BytesMut;

use super::Error;
use crate::chunk::{self, DEFAULT_CHUNK_SIZE, Limits, MAX_CHUNK_SIZE, MessageHeader, csid};
use crate::command::Command;
use crate::message::{BandwidthLimit, Control, Message, UserControl, kind};

/// Acknowledgements are sent this often if the peer does not say how often it wants them, in bytes.
const DEFAULT_WINDOW: u32 = 2_500_000;
/// The smallest window that is obeyed; a peer cannot make us answer each of its messages.
const MIN_WINDOW: u32 = 8 * 1024;

#[derive(Debug)]
pub(super) struct Link {
    pub(super) reader: chunk::Reader,
    /// Encoded messages to be sent.
    pub(super) out: Vec<u8>,
    chunk_size: u32,
    received: u64,
    acknowledged: u64,
    /// What the peer wants acknowledged.
    window: u32,
    /// The window we told the peer.
    told_window: Option<u32>,
    peer_acknowledged: Option<u32>,
}

impl Link {
    pub(super) const fn new(limits: Limits) -> Self {
        Self {
            reader: chunk::Reader::new(limits),
            out: Vec::new(),
            chunk_size: DEFAULT_CHUNK_SIZE,
            received: 0,
            acknowledged: 0,
            window: DEFAULT_WINDOW,
            told_window: None,
            peer_acknowledged: None,
        }
    }

    pub(super) const fn count(&mut self, bytes: usize) {
        self.received = self.received.saturating_add(bytes as u64);
    }

    pub(super) const fn received(&self) -> u64 {
        self.received
    }

    pub(super) const fn chunk_size(&self) -> u32 {
        self.chunk_size
    }

    pub(super) const fn peer_acknowledged(&self) -> Option<u32> {
        self.peer_acknowledged
    }

    /// Reads until there is a message the session must act on. The connection's own affairs are settled here.
    pub(super) fn read(&mut self, input: &mut &[u8]) -> Result<Option<Message>, Error> {
        loop {
            let message = self.reader.read(input);
            let Some(message) = message.map_err(|source| Error::Chunk { received: self.received, source })? else {
                return Ok(None);
            };
            // A control message too short to mean anything is passed over, as unknown ones are.
            let Ok(Some(message)) = Message::parse(message) else { continue };
            match message {
                Message::Control(control) => {
                    if let Some(event) = self.handle_control(control) {
                        return Ok(Some(Message::Control(Control::User(event))));
                    }
                }
                other => return Ok(Some(other)),
            }
        }
    }

    fn handle_control(&mut self, control: Control) -> Option<UserControl> {
        match control {
            // Already in force: the chunk reader obeys these two itself.
            Control::SetChunkSize(_) | Control::Abort(_) => {}
            Control::Acknowledgement(received) => self.peer_acknowledged = Some(received),
            Control::WindowAckSize(window) => self.window = window.max(MIN_WINDOW),
            Control::SetPeerBandwidth(window, _) => {
                if self.told_window != Some(window) {
                    self.send_window(window);
                }
            }
            Control::User(UserControl::PingRequest(time)) => {
                self.send_control(&Control::User(UserControl::PingResponse(time)));
            }
            Control::User(event) => return Some(event),
        }
        None
    }

    /// Acknowledges at half of the peer's window, so that it never has to wait for it.
    pub(super) fn acknowledge(&mut self) {
        if self.received.saturating_sub(self.acknowledged) >= u64::from(self.window / 2) {
            self.acknowledged = self.received;
            self.send_control(&Control::Acknowledgement(self.received as u32));
        }
    }

    pub(super) fn send_window(&mut self, window: u32) {
        self.told_window = Some(window);
        self.send_control(&Control::WindowAckSize(window));
    }

    pub(super) fn send_bandwidth(&mut self, bandwidth: u32) {
        self.send_control(&Control::SetPeerBandwidth(bandwidth, BandwidthLimit::Dynamic));
    }

    pub(super) fn send_chunk_size(&mut self, chunk_size: u32) {
        let chunk_size = chunk_size.clamp(1, MAX_CHUNK_SIZE);
        self.send_control(&Control::SetChunkSize(chunk_size));
        self.chunk_size = chunk_size;
    }

    pub(super) fn send_control(&mut self, control: &Control) {
        self.send(csid::CONTROL, 0, control.type_id(), &control.body());
    }

    /// Sends a command of the connection (stream 0) or of a message stream.
    pub(super) fn send_command(&mut self, stream_id: u32, command: &Command) {
        let mut body = BytesMut::new();
        command.encode(&mut body);
        let csid = if stream_id == 0 { csid::COMMAND } else { csid::STATUS };
        self.send(csid, stream_id, kind::COMMAND, &body);
    }

    pub(super) fn send(&mut self, csid: u32, stream_id: u32, type_id: u8, body: &[u8]) {
        let header = MessageHeader { csid, timestamp: 0, type_id, stream_id };
        // Only a body over 16 MiB fails, and none of ours comes near.
        let _ = chunk::append_message(&mut self.out, self.chunk_size, &header, body);
    }

    pub(super) fn heap_len(&self) -> usize {
        self.reader.heap_len().saturating_add(self.out.capacity())
    }
}

//! Message type ids (RTMP 1.0, sections 5.4 and 7.1).

/// The sender's chunk size changes.
pub const SET_CHUNK_SIZE: u8 = 1;
/// The message begun on a chunk stream is given up.
pub const ABORT: u8 = 2;
/// How many bytes arrived.
pub const ACKNOWLEDGEMENT: u8 = 3;
/// Stream and connection events.
pub const USER_CONTROL: u8 = 4;
/// How many bytes the sender sends before it wants an acknowledgement.
pub const WINDOW_ACK_SIZE: u8 = 5;
/// How many unacknowledged bytes the peer may send.
pub const SET_PEER_BANDWIDTH: u8 = 6;
/// An audio tag body.
pub const AUDIO: u8 = 8;
/// A video tag body.
pub const VIDEO: u8 = 9;
/// Data, AMF3 form: a zero byte, then AMF0 values.
pub const DATA_AMF3: u8 = 15;
/// Shared object, AMF3 form.
pub const SHARED_OBJECT_AMF3: u8 = 16;
/// A command, AMF3 form: a zero byte, then AMF0 values.
pub const COMMAND_AMF3: u8 = 17;
/// Data: AMF0 values.
pub const DATA: u8 = 18;
/// Shared object.
pub const SHARED_OBJECT: u8 = 19;
/// A command: AMF0 values.
pub const COMMAND: u8 = 20;
/// Several audio, video and data messages in one, as FLV tags.
pub const AGGREGATE: u8 = 22;

/// Whether messages of this type mean anything to us. All others are read to their end and passed over, shared objects
/// included: a server that broke on type 255 lost cameras.
pub(crate) const fn is_read(type_id: u8) -> bool {
    matches!(
        type_id,
        SET_CHUNK_SIZE..=SET_PEER_BANDWIDTH | AUDIO | VIDEO | DATA_AMF3 | COMMAND_AMF3 | DATA | COMMAND | AGGREGATE
    )
}

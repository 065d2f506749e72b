//! Status codes (RTMP 1.0, section 7.2, and what servers in the field send). Clients act on these strings.

/// `connect` succeeded.
pub const CONNECT_SUCCESS: &str = "NetConnection.Connect.Success";
/// `connect` refused.
pub const CONNECT_REJECTED: &str = "NetConnection.Connect.Rejected";
/// `connect` refused: no such application.
pub const CONNECT_INVALID_APP: &str = "NetConnection.Connect.InvalidApp";
/// The connection ends.
pub const CONNECT_CLOSED: &str = "NetConnection.Connect.Closed";
/// The client is asked to connect anew (Enhanced RTMP v2).
pub const RECONNECT_REQUEST: &str = "NetConnection.Connect.ReconnectRequest";
/// A command is unknown or not possible here.
pub const CALL_FAILED: &str = "NetConnection.Call.Failed";

/// Publishing may begin.
pub const PUBLISH_START: &str = "NetStream.Publish.Start";
/// The name is taken or not allowed.
pub const PUBLISH_BAD_NAME: &str = "NetStream.Publish.BadName";
/// The key or token is wrong.
pub const PUBLISH_UNAUTHORIZED: &str = "NetStream.Publish.Unauthorized";
/// Publishing is not allowed.
pub const PUBLISH_DENIED: &str = "NetStream.Publish.Denied";
/// Publishing is refused for another reason.
pub const PUBLISH_REJECTED: &str = "NetStream.Publish.Rejected";
/// Publishing ended.
pub const UNPUBLISH_SUCCESS: &str = "NetStream.Unpublish.Success";

/// The play list is emptied.
pub const PLAY_RESET: &str = "NetStream.Play.Reset";
/// Playing begins.
pub const PLAY_START: &str = "NetStream.Play.Start";
/// No such stream.
pub const PLAY_STREAM_NOT_FOUND: &str = "NetStream.Play.StreamNotFound";
/// Playing failed.
pub const PLAY_FAILED: &str = "NetStream.Play.Failed";
/// The publisher left.
pub const PLAY_UNPUBLISH_NOTIFY: &str = "NetStream.Play.UnpublishNotify";
/// Playing ended.
pub const PLAY_STOP: &str = "NetStream.Play.Stop";

/// Playing pauses.
pub const PAUSE_NOTIFY: &str = "NetStream.Pause.Notify";
/// Playing goes on.
pub const UNPAUSE_NOTIFY: &str = "NetStream.Unpause.Notify";
/// Playing jumped.
pub const SEEK_NOTIFY: &str = "NetStream.Seek.Notify";

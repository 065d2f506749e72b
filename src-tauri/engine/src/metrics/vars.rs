//! `/debug/vars`: the predecessor's names, so that dashboards made for it go on.

use serde_json::{Map, Value, json};
use weir_hub::StreamState;
use weir_media::TrackKind;

use super::gather::{Gathered, players};
use crate::destination::State;

/// The numbers as one JSON object.
pub fn vars(gathered: &Gathered) -> Value {
    let Gathered { counters, streams, destinations, .. } = gathered;
    let sum = |count: fn(&crate::destination::Status) -> u64| destinations.iter().map(count).sum::<u64>();
    let live = streams.iter().filter(|stream| stream.state == StreamState::Live).count();
    let watched: usize = streams.iter().map(|stream| players(stream).count()).sum();
    let all = json!({
        "rtmp_connections_active": gathered.connections_of("rtmp"),
        "rtmp_connections_total": counters.connections - counters.srt_connections,
        "rtmp_streams_active": live,
        "rtmp_publishers_active": live,
        "rtmp_publishers_total": counters.publishers,
        "rtmp_subscribers_active": watched,
        "rtmp_subscribers_total": counters.players,
        "rtmp_subscriber_drops_total": counters.player_skips,
        "rtmp_auth_successes_total": counters.auth_successes,
        "rtmp_auth_failures_total": counters.auth_failures,
        "rtmp_messages_audio": counters.audio_frames,
        "rtmp_messages_video": counters.video_frames,
        "rtmp_bytes_ingested": counters.bytes_in,
        "rtmp_bytes_egress": counters.player_bytes,
        "rtmp_handshake_failures_total": counters.handshake_failures,
        "rtmp_recordings_active": gathered.recordings.len(),
        "rtmp_recording_errors_total": counters.recording_errors,
        "rtmp_zombie_connections_total": counters.dead_connections,
        "rtmp_relay_messages_sent": sum(|leg| leg.line.frames_sent),
        "rtmp_relay_messages_dropped": sum(|leg| leg.line.frames_skipped),
        "rtmp_relay_bytes_sent": sum(|leg| leg.line.bytes_sent),
        "rtmp_uptime_seconds": gathered.uptime_seconds,
        "rtmp_server_info": { "product": "Weir", "version": gathered.version },
        "rtmp_streams": streams.iter().filter(|stream| stream.state == StreamState::Live).map(|stream| {
            let codec = |kind| {
                let track = stream.tracks.iter().find(|known| known.track.id.kind == kind);
                track.map_or_else(String::new, |known| known.track.codec.to_string())
            };
            json!({
                "key": stream.path.as_str(),
                "subscribers": players(stream).count(),
                "video_codec": codec(TrackKind::Video),
                "audio_codec": codec(TrackKind::Audio),
                "uptime_seconds": stream.uptime.as_secs(),
                "recording": gathered.is_recorded(stream.path.as_str()),
            })
        }).collect::<Vec<_>>(),
        "rtmp_relay_destinations": destinations.iter().map(|leg| json!({
            "url": leg.url,
            "status": word(&leg.line.state),
            "messages_sent": leg.line.frames_sent,
            "messages_dropped": leg.line.frames_skipped,
            "bytes_sent": leg.line.bytes_sent,
            "reconnect_count": leg.line.reconnects,
            "last_error": leg.line.last_error().map_or("", |error| error.failure.message.as_str()),
        })).collect::<Vec<_>>(),
    });
    let Value::Object(mut all) = all else { return Value::Null };
    all.extend(srt(gathered));
    Value::Object(all)
}

fn srt(gathered: &Gathered) -> Map<String, Value> {
    let numbers = [
        ("srt_connections_active", gathered.connections_of("srt") as u64),
        ("srt_connections_total", gathered.counters.srt_connections),
        ("srt_bytes_received", gathered.srt.bytes),
        ("srt_packets_received", gathered.srt.packets),
        ("srt_packets_retransmit", gathered.srt.retransmitted),
        ("srt_packets_dropped", gathered.srt.dropped),
    ];
    numbers.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect()
}

/// What a destination is doing, in one word: the one it has on every wire.
pub(super) fn word(state: &State) -> String {
    let json = serde_json::to_value(state).unwrap_or_default();
    json.get("state").and_then(Value::as_str).unwrap_or_default().to_owned()
}

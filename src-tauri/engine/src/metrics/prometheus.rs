//! `/metrics`: everything for Prometheus, in the OpenMetrics text format or in the older one of Prometheus. Names begin with `weir_`; labels hold paths, names and
//! identities, and never an address or a secret.

use std::collections::HashSet;
use std::fmt::{Debug, Error};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use weir_hub::StreamState;
use weir_media::TrackKind;

use super::gather::{Gathered, players};
use super::timings::{Histogram, Seen};
use super::vars::word;
use crate::destination::Line;
use crate::protocol::srt::{Role, Statistics};

/// A form of the numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// Prometheus's own text format 0.0.4, which every collector reads.
    Text,
}

impl Form {
    /// What is wanted by whoever sent this `Accept`: OpenMetrics where it is named, as Prometheus does.
    pub fn of_accept(accept: Option<&str>) -> Self {
        let named = accept.is_some_and(|accept| accept.contains("application/openmetrics-text"));
        if named { Self::OpenMetrics } else { Self::Text }
    }

    /// Its media type.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

/// The numbers as text.
pub fn prometheus(gathered: Gathered, form: Form) -> String {
    let text = open_metrics(gathered);
    if form == Form::Text { older(&text) } else { text }
}

/// The same in the older form: there a counter's family is called as its numbers are, and nothing says that the text is whole.
fn older(open_metrics: &str) -> String {
    let counter = |line: &str| Some(line.strip_prefix("# TYPE ")?.strip_suffix(" counter")?.to_owned());
    let counters: HashSet<String> = open_metrics.lines().filter_map(counter).collect();
    let mut text = String::with_capacity(open_metrics.len());
    for line in open_metrics.lines().filter(|line| *line != "# EOF") {
        let mut words = line.splitn(4, ' ');
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some("#"), Some(what), Some(name), Some(rest)) if counters.contains(name) => {
                text.extend(["# ", what, " ", name, "_total ", rest]);
            }
            _ => text.push_str(line),
        }
        text.push('\n');
    }
    text
}

fn open_metrics(gathered: Gathered) -> String {
    let mut registry = Registry::with_prefix("weir");
    registry.register_collector(Box::new(All(gathered)));
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = encode(&mut text, &registry);
    text
}

#[derive(Debug)]
struct All(Gathered);

impl Collector for All {
    fn encode(&self, encoder: DescriptorEncoder) -> Result<(), Error> {
        let mut to = To(encoder);
        let all = &self.0;
        let Gathered { counters, .. } = all;
        to.gauges("build_info", "Which version this is", [(vec![("version", all.version.to_owned())], 1.0)])?;
        to.gauges("uptime_seconds", "Time since the start", [(vec![], all.uptime_seconds as f64)])?;
        let open =
            all.connections.iter().map(|(protocol, count)| (vec![("protocol", (*protocol).to_owned())], *count as f64));
        to.gauges("connections", "Open connections", open)?;
        for (name, help, value) in [
            ("connections_accepted", "Connections accepted", counters.connections),
            ("handshake_failures", "Peers that did not finish the handshake", counters.handshake_failures),
            ("dead_connections", "Connections cut because nothing came or was taken", counters.dead_connections),
            ("auth_successes", "Who was let in after a proof", counters.auth_successes),
            ("auth_failures", "Who was refused", counters.auth_failures),
            ("publishers", "Publishers admitted", counters.publishers),
            ("players", "Players that were given a picture", counters.players),
            ("player_skipped_frames", "Frames that players were too slow for", counters.player_skips),
            ("player_bytes", "Bytes sent to players", counters.player_bytes),
            ("received_bytes", "Media bytes received", counters.bytes_in),
            ("recording_errors", "Recordings stopped by a fault", counters.recording_errors),
            ("hooks_left_out", "Calls of hooks that were left out", counters.hooks_left_out),
        ] {
            to.counters(name, help, [(vec![], value)])?;
        }
        let kinds = [("audio", counters.audio_frames), ("video", counters.video_frames)];
        let frames = kinds.map(|(kind, count)| (vec![("kind", kind.to_owned())], count));
        to.counters("received_frames", "Frames received", frames)?;
        streams(&mut to, all)?;
        legs(&mut to, all)?;
        srt(&mut to, all)?;
        recordings(&mut to, all)?;
        let Gathered { timings, .. } = all;
        to.histograms(
            "write_seconds",
            "Time to hand a batch to a player or a row of players that sit together, to the network of a destination, to a file",
            &[
                ("player", timings.player_write()),
                ("destination", timings.destination_write()),
                ("recording", timings.recording_write()),
            ],
        )?;
        to.histograms(
            "reader_lag_seconds",
            "How far readers are behind the newest frame, looked at once a second",
            &[
                ("player", timings.player_lag()),
                ("destination", timings.destination_lag()),
                ("recording", timings.recording_lag()),
            ],
        )
    }
}

type Labels = Vec<(&'static str, String)>;

fn streams(to: &mut To<'_>, all: &Gathered) -> Result<(), Error> {
    let live = || all.streams.iter().filter(|stream| stream.state != StreamState::Waiting);
    let path = |stream: &weir_hub::StreamSnapshot| vec![("stream", stream.path.as_str().to_owned())];
    to.gauges(
        "stream_live",
        "Whether a publisher is connected",
        live().map(|stream| (path(stream), f64::from(u8::from(stream.state == StreamState::Live)))),
    )?;
    to.gauges(
        "stream_uptime_seconds",
        "Time since the first publisher",
        live().map(|stream| (path(stream), stream.uptime.as_secs_f64())),
    )?;
    to.gauges(
        "stream_bitrate",
        "Media bits a second received",
        live().map(|stream| (path(stream), stream.bitrate as f64)),
    )?;
    to.counters("stream_received_bytes", "Media bytes received", live().map(|stream| (path(stream), stream.bytes)))?;
    let tracks = || {
        live().flat_map(|stream| {
            stream.tracks.iter().map(move |known| {
                let id = known.track.id;
                let kind = match id.kind {
                    TrackKind::Video => "video",
                    TrackKind::Audio => "audio",
                    TrackKind::Data => "data",
                };
                let mut labels = path(stream);
                labels.extend([("kind", kind.to_owned()), ("track", id.index.to_string())]);
                (labels, known)
            })
        })
    };
    to.counters("stream_received_frames", "Frames received", tracks().map(|(labels, known)| (labels, known.frames)))?;
    to.gauges(
        "stream_frame_rate",
        "Frames a second by the stream's own time",
        tracks().map(|(labels, known)| (labels, known.frame_rate)),
    )?;
    let interval = live().filter_map(|stream| Some((path(stream), stream.key_frame_interval?.as_secs_f64())));
    to.gauges("stream_key_frame_interval_seconds", "Time between the last two key frames", interval)?;
    to.counters(
        "stream_timestamps_repaired",
        "Timestamps repaired",
        live().map(|stream| (path(stream), stream.timestamps_repaired)),
    )?;
    to.counters(
        "stream_resumed",
        "How often a publisher came back in time",
        live().map(|stream| (path(stream), u64::from(stream.resumed))),
    )?;
    to.gauges("stream_players", "Players", live().map(|stream| (path(stream), players(stream).count() as f64)))
}

fn legs(to: &mut To<'_>, all: &Gathered) -> Result<(), Error> {
    // A destination may have a second address, with numbers of its own.
    let lines = || {
        all.destinations.iter().flat_map(|leg| {
            let labels = |address: &str| {
                vec![("leg", leg.id.clone()), ("name", leg.name.clone()), ("address", address.to_owned())]
            };
            let backup = leg.backup.as_ref().and_then(|backup| backup.line.as_ref());
            std::iter::once((labels("main"), &leg.line)).chain(backup.map(|line| (labels("backup"), line)))
        })
    };
    to.gauges(
        "leg_state",
        "What a destination is doing: 1 for the state it is in",
        lines().map(|(mut labels, line)| {
            labels.push(("state", word(&line.state)));
            (labels, 1.0)
        }),
    )?;
    type Count = fn(&Line) -> u64;
    let counts: [(&str, &str, Count); 5] = [
        ("sent_bytes", "Bytes handed to the network", |line| line.bytes_sent),
        ("sent_frames", "Frames sent", |line| line.frames_sent),
        ("skipped_frames", "Frames left out", |line| line.frames_skipped),
        ("missed_frames", "Frames that passed without a connection", |line| line.frames_missed),
        ("reconnects", "Connected again", |line| line.reconnects),
    ];
    for (name, help, count) in counts {
        to.counters(&format!("leg_{name}"), help, lines().map(|(labels, line)| (labels, count(line))))?;
    }
    to.gauges("leg_bitrate", "Bits a second sent", lines().map(|(labels, line)| (labels, line.bitrate_bps as f64)))?;
    let behind = lines().map(|(labels, line)| (labels, line.behind_seconds));
    to.gauges("leg_behind_seconds", "How far behind the publisher", behind)
}

fn srt(to: &mut To<'_>, all: &Gathered) -> Result<(), Error> {
    let links = || {
        all.srt_links.iter().map(|(id, link)| {
            let role = match link.role {
                Role::Publish => "publish",
                Role::Play(_) => "play",
                Role::Push(_) => "push",
                Role::Undecided => "undecided",
            };
            let stream = ("stream", link.path.as_str().to_owned());
            (vec![("link", id.to_string()), stream, ("role", role.to_owned())], &link.statistics)
        })
    };
    type Count = fn(&Statistics) -> u64;
    let counts: [(&str, &str, Count); 9] = [
        ("received_packets", "Packets received", |s| s.pkt_recv),
        ("received_bytes", "Bytes received, headers included", |s| s.byte_recv),
        ("received_lost_packets", "Packets found missing", |s| s.pkt_rcv_loss),
        ("received_retransmitted_packets", "Packets that came again", |s| s.pkt_rcv_retrans),
        ("received_dropped_packets", "Packets given up", |s| s.pkt_rcv_drop),
        ("sent_packets", "Packets sent", |s| s.pkt_sent),
        ("sent_bytes", "Bytes sent, headers included", |s| s.byte_sent),
        ("sent_retransmitted_packets", "Packets sent again", |s| s.pkt_retrans),
        ("sent_dropped_packets", "Packets too old to send", |s| s.pkt_snd_drop),
    ];
    for (name, help, count) in counts {
        let each = links().map(|(labels, statistics)| (labels, count(statistics)));
        to.counters(&format!("srt_{name}"), help, each)?;
    }
    type Gauge = fn(&Statistics) -> f64;
    let gauges: [(&str, &str, Gauge); 5] = [
        ("rtt_seconds", "Round trip time", |s| s.ms_rtt / 1e3),
        ("receive_latency_seconds", "Latency in force for what is received", |s| s.ms_rcv_tsb_pd_delay as f64 / 1e3),
        ("receive_buffer_seconds", "Time that waits to be delivered", |s| s.ms_rcv_buf as f64 / 1e3),
        ("send_buffer_seconds", "Time that waits to be acknowledged", |s| s.ms_snd_buf as f64 / 1e3),
        ("bandwidth_bits", "Estimated bandwidth, bits a second", |s| s.mbps_bandwidth * 1e6),
    ];
    for (name, help, gauge) in gauges {
        let each = links().map(|(labels, statistics)| (labels, gauge(statistics)));
        to.gauges(&format!("srt_{name}"), help, each)?;
    }
    Ok(())
}

fn recordings(to: &mut To<'_>, all: &Gathered) -> Result<(), Error> {
    let labels = |recording: &crate::recording::Status| vec![("stream", recording.path.clone())];
    let written = || all.recordings.iter();
    to.gauges(
        "recording_bytes",
        "Size of the file being written",
        written().map(|one| (labels(one), one.bytes as f64)),
    )?;
    to.gauges(
        "recording_waiting_bytes",
        "Bytes that wait for the disk",
        written().map(|one| (labels(one), one.waiting_bytes as f64)),
    )?;
    to.counters(
        "recording_skipped_frames",
        "Frames missing because the disk was too slow",
        written().map(|one| (labels(one), one.frames_skipped)),
    )?;
    to.counters(
        "recording_left_out_frames",
        "Frames in no file: its format cannot hold them, or nothing can be shown with them",
        written().map(|one| (labels(one), one.frames_left_out)),
    )
}

/// Writes families.
struct To<'a>(DescriptorEncoder<'a>);

impl To<'_> {
    fn gauges(&mut self, name: &str, help: &str, all: impl IntoIterator<Item = (Labels, f64)>) -> Result<(), Error> {
        let family = self.0.encode_descriptor(name, help, None, MetricType::Gauge)?;
        each(family, all, |value, to| ConstGauge::new(value).encode(to))
    }

    fn counters(&mut self, name: &str, help: &str, all: impl IntoIterator<Item = (Labels, u64)>) -> Result<(), Error> {
        let family = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        each(family, all, |value, to| ConstCounter::new(value).encode(to))
    }

    fn histograms(&mut self, name: &str, help: &str, all: &[(&'static str, &Histogram)]) -> Result<(), Error> {
        let family = self.0.encode_descriptor(name, help, None, MetricType::Histogram)?;
        let all = all.iter().map(|(role, histogram)| (vec![("role", (*role).to_owned())], histogram.seen()));
        each(family, all, |seen: Seen, mut to| {
            to.encode_histogram::<NoLabelSet>(seen.sum_seconds, seen.count, &seen.buckets, None)
        })
    }
}

fn each<T>(
    mut family: MetricEncoder<'_>,
    all: impl IntoIterator<Item = (Labels, T)>,
    write: impl Fn(T, MetricEncoder<'_>) -> Result<(), Error>,
) -> Result<(), Error> {
    for (labels, value) in all {
        if labels.is_empty() {
            write(value, family)?;
            return Ok(());
        }
        write(value, family.encode_family(&labels)?)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_older_form_names_counters_as_their_numbers_are() {
        let newer = "# HELP weir_a What it is\n# TYPE weir_a counter\nweir_a_total{x=\"# TYPE b counter\"} 1\n\
                     # HELP weir_ab Another\n# TYPE weir_ab gauge\nweir_ab 2.0\n# EOF\n";
        let expected = "# HELP weir_a_total What it is\n# TYPE weir_a_total counter\nweir_a_total{x=\"# TYPE b counter\"} 1\n\
                        # HELP weir_ab Another\n# TYPE weir_ab gauge\nweir_ab 2.0\n";
        assert_eq!(older(newer), expected);
        for (accept, form) in [
            (None, Form::Text),
            (Some("*/*"), Form::Text),
            (Some("text/plain;version=0.0.4"), Form::Text),
            (
                Some("application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3"),
                Form::OpenMetrics,
            ),
        ] {
            assert_eq!(Form::of_accept(accept), form, "{accept:?}");
        }
    }
}

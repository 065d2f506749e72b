//! SRT: its settings, its passphrases, and how each of its connections stands.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;
use weir_engine::Engine;
use weir_engine::protocol::srt::{self, passphrases};
use weir_media::Secret;

/// When what arrived is passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SrtDelivery {
    /// At once; a gap is waited for as long as the latency allows.
    InOrder,
    /// Exactly one latency after it was sent.
    Exact,
}

/// What a caller means whose stream id is a bare name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BareStreamId {
    /// Whoever sends publishes; whoever only listens plays.
    Auto,
    /// It publishes.
    Publish,
    /// It plays.
    Play,
}

/// Whose passphrase a caller needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SrtEncryption {
    /// Nobody's: connections are not encrypted.
    Off,
    /// One passphrase for every stream.
    One,
    /// Each stream has its own, set here; other streams are refused.
    PerStream,
    /// Each stream has its own, from the passphrase file; other streams are refused.
    File,
}

/// What holds for SRT on every listener. Addresses are changed at `/listeners`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SrtSettings {
    /// How long a lost packet may take to come again, milliseconds, 20 to 8000; the larger wish of both ends holds.
    #[schema(example = 120)]
    pub latency_ms: u32,
    /// When what arrived is passed on.
    pub delivery: SrtDelivery,
    /// What a caller means whose stream id is a bare name.
    pub bare_stream_id: BareStreamId,
    /// The stream of a caller without any stream id; empty when such callers are refused.
    #[schema(example = "live/stream")]
    pub default_path: String,
    /// Whose passphrase a caller needs.
    pub encryption: SrtEncryption,
    /// Whether the one passphrase for all streams is set.
    pub passphrase_set: bool,
    /// The passphrase file, full path; null when there is none.
    pub passphrase_file: Option<String>,
    /// Bytes of the key that a caller must use, 16, 24 or 32; null takes the caller's.
    pub key_length: Option<u32>,
}

/// Settings of SRT to change. What is left out stays.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SrtPatch {
    /// Latency, milliseconds, 20 to 8000.
    #[schema(minimum = 20, maximum = 8000)]
    pub latency_ms: Option<u32>,
    /// When what arrived is passed on.
    pub delivery: Option<SrtDelivery>,
    /// What a caller means whose stream id is a bare name.
    pub bare_stream_id: Option<BareStreamId>,
    /// The stream of a caller without any stream id; an empty text refuses such callers.
    pub default_path: Option<String>,
    /// Whose passphrase a caller needs.
    pub encryption: Option<SrtEncryption>,
    /// The one passphrase for all streams, 10 to 79 bytes; an empty one takes it away.
    #[schema(value_type = Option<String>, write_only)]
    #[serde(default, deserialize_with = "optional_secret")]
    pub passphrase: Option<Secret<String>>,
    /// The passphrase file, full path; an empty text takes it away.
    pub passphrase_file: Option<String>,
    /// Bytes of the key that a caller must use, 16, 24 or 32; 0 takes the caller's.
    pub key_length: Option<u32>,
}

/// The streams that have a passphrase of their own.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SrtPassphraseList {
    /// Their paths, in order; the passphrases are not shown.
    #[schema(example = json!(["live/camera1", "live/camera2"]))]
    pub streams: Vec<String>,
}

/// A passphrase for a stream.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SrtPassphraseCreate {
    /// The passphrase, 10 to 79 bytes. Left out, Weir makes a strong one.
    #[schema(value_type = Option<String>, write_only)]
    #[serde(default, deserialize_with = "optional_secret")]
    pub passphrase: Option<Secret<String>>,
}

/// A passphrase that was set.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SrtPassphrase {
    /// The stream; null for the one passphrase of all.
    pub path: Option<String>,
    /// The passphrase that Weir made, shown this once for the encoder; null when it came with the request.
    pub generated: Option<String>,
}

/// Passphrases by stream, the form of the passphrase file.
#[derive(Debug, Clone, Default, ToSchema)]
#[schema(value_type = BTreeMap<String, String>, example = json!({ "live/camera1": "a passphrase of 10 to 79 bytes" }))]
pub struct SrtPassphraseFile(pub BTreeMap<String, Secret<String>>);

impl<'de> Deserialize<'de> for SrtPassphraseFile {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(FileVisitor)
    }
}

/// Says of a list or a number what should be there instead.
struct FileVisitor;

impl<'de> Visitor<'de> for FileVisitor {
    type Value = SrtPassphraseFile;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of stream names and their passphrases")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut file = BTreeMap::new();
        while let Some((path, passphrase)) = map.next_entry::<String, String>()? {
            file.insert(path, Secret::new(passphrase));
        }
        Ok(SrtPassphraseFile(file))
    }
}

impl Serialize for SrtPassphraseFile {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.0.iter().map(|(path, passphrase)| (path, passphrase.expose())))
    }
}

fn optional_secret<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Secret<String>>, D::Error> {
    Option::<String>::deserialize(from).map(|value| value.map(Secret::new))
}

/// How an SRT connection stands.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SrtLink {
    /// Version of SRT at the other end.
    #[schema(example = "1.5.3")]
    pub peer_version: String,
    /// Bytes of the encryption key, 16, 24 or 32; null without encryption.
    pub key_length: Option<usize>,
    /// The latency in force in the direction of the media, seconds.
    pub latency_seconds: f64,
    /// Round trip time, seconds.
    pub rtt_seconds: f64,
    /// Packets that were lost on the way at first, in the direction of the media.
    pub packets_lost: u64,
    /// Packets that were sent again because of that.
    pub packets_retransmitted: u64,
    /// Packets that never came, or came too late: holes in the picture.
    pub packets_dropped: u64,
    /// Lost packets of all packets, 0 to 1.
    pub loss: f64,
    /// Media that waits in the buffer, seconds.
    pub buffer_seconds: f64,
    /// Everything that libsrt counts, under its names in snake case.
    pub statistics: SrtStatistics,
    /// What was wrong with the transport stream that the other end sends; null where it sends none.
    pub transport: Option<TransportFaults>,
}

/// What was wrong with a transport stream so far: some is lost on the way, some was wrong before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct TransportFaults {
    /// Bytes that belonged to no packet.
    pub bytes_skipped: u64,
    /// Places where packets of a track are missing.
    pub continuity_errors: u64,
    /// Packets that were marked damaged or are scrambled.
    pub unreadable_packets: u64,
    /// Pictures and sounds that were left out because a piece of them is missing.
    pub damaged_pes: u64,
}

impl From<srt::Faults> for TransportFaults {
    fn from(faults: srt::Faults) -> Self {
        let srt::Faults { bytes_skipped, continuity_errors, unreadable_packets, damaged_pes } = faults;
        Self { bytes_skipped, continuity_errors, unreadable_packets, damaged_pes }
    }
}

macro_rules! statistics {
    ($($(#[$doc:meta])* $name:ident: $kind:ty;)*) => {
        /// libsrt's statistics since the connection began, and some values of the moment; names as in its documentation, in
        /// snake case. Bytes include 44 bytes of headers a packet.
        #[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
        pub struct SrtStatistics {
            $($(#[$doc])* pub $name: $kind,)*
        }

        impl From<&srt::Statistics> for SrtStatistics {
            fn from(from: &srt::Statistics) -> Self {
                Self { $($name: from.$name,)* }
            }
        }
    };
}

statistics! {
    /// Time since the connection began, milliseconds.
    ms_time_stamp: u64;
    /// Data packets sent, repeated ones included.
    pkt_sent: u64;
    /// Data packets received, repeated ones included.
    pkt_recv: u64;
    /// Data packets sent, each once.
    pkt_sent_unique: u64;
    /// Data packets received, each once.
    pkt_recv_unique: u64;
    /// Packets that the peer reported lost.
    pkt_snd_loss: u64;
    /// Packets that were missing at first.
    pkt_rcv_loss: u64;
    /// Packets sent again.
    pkt_retrans: u64;
    /// Packets received that were sent again.
    pkt_rcv_retrans: u64;
    /// Acknowledgements sent.
    pkt_sent_ack: u64;
    /// Acknowledgements received.
    pkt_recv_ack: u64;
    /// Loss reports sent.
    pkt_sent_nak: u64;
    /// Loss reports received.
    pkt_recv_nak: u64;
    /// Packets given up because they would come too late.
    pkt_snd_drop: u64;
    /// Packets that never came in time.
    pkt_rcv_drop: u64;
    /// Packets that could not be decrypted.
    pkt_rcv_undecrypt: u64;
    /// Packets that came after their time.
    pkt_rcv_belated: u64;
    /// How late they were on average, milliseconds.
    pkt_rcv_avg_belated_time: f64;
    /// How far out of order packets came at most.
    pkt_reorder_distance: u64;
    /// How far out of order a packet may come before it is reported lost.
    pkt_reorder_tolerance: u64;
    /// Packets of a filter sent.
    pkt_snd_filter_extra: u64;
    /// Packets of a filter that was not agreed.
    pkt_rcv_filter_extra: u64;
    /// Packets that a filter has supplied.
    pkt_rcv_filter_supply: u64;
    /// Packets that a filter could not supply.
    pkt_rcv_filter_loss: u64;
    /// Time during which something was not acknowledged, microseconds.
    us_snd_duration: u64;
    /// Bytes sent.
    byte_sent: u64;
    /// Bytes received.
    byte_recv: u64;
    /// Bytes sent, each packet once.
    byte_sent_unique: u64;
    /// Bytes received, each packet once.
    byte_recv_unique: u64;
    /// Bytes sent again.
    byte_retrans: u64;
    /// Bytes given up.
    byte_snd_drop: u64;
    /// Bytes that were missing at first, by the size of others.
    byte_rcv_loss: u64;
    /// Bytes that never came in time, likewise.
    byte_rcv_drop: u64;
    /// Bytes that could not be decrypted.
    byte_rcv_undecrypt: u64;
    /// Time between two packets sent, microseconds.
    us_pkt_snd_period: f64;
    /// Packets that may be on the way at once.
    pkt_flow_window: u64;
    /// Packets that may be on the way by the congestion control.
    pkt_congestion_window: u64;
    /// Packets on the way.
    pkt_flight_size: u64;
    /// Round trip time, milliseconds.
    ms_rtt: f64;
    /// What is sent, Mbit/s.
    mbps_send_rate: f64;
    /// What arrives, Mbit/s.
    mbps_recv_rate: f64;
    /// What the way could carry, Mbit/s, as the peers estimate it.
    mbps_bandwidth: f64;
    /// Most that is sent, Mbit/s.
    mbps_max_bw: f64;
    /// Largest packet, bytes.
    byte_mss: u64;
    /// Room in the send buffer, bytes.
    byte_avail_snd_buf: u64;
    /// Room in the receive buffer, bytes.
    byte_avail_rcv_buf: u64;
    /// Packets that wait for an acknowledgement.
    pkt_snd_buf: u64;
    /// Bytes of them.
    byte_snd_buf: u64;
    /// Their time, milliseconds.
    ms_snd_buf: u64;
    /// Latency of what is sent, milliseconds.
    ms_snd_tsb_pd_delay: u64;
    /// Packets that wait to be passed on.
    pkt_rcv_buf: u64;
    /// Bytes of them.
    byte_rcv_buf: u64;
    /// Their time, milliseconds.
    ms_rcv_buf: u64;
    /// Latency of what is received, milliseconds.
    ms_rcv_tsb_pd_delay: u64;
    /// Datagrams and reports that made no sense; not of libsrt.
    pkt_invalid: u64;
    /// Packets for which the receive buffer had no room; not of libsrt.
    pkt_rcv_no_room: u64;
}

impl From<&srt::Link> for SrtLink {
    fn from(link: &srt::Link) -> Self {
        let it = &link.statistics;
        let receives = matches!(link.role, srt::Role::Publish | srt::Role::Undecided);
        let (latency, lost, again, dropped, packets) = if receives {
            let dropped = it.pkt_rcv_drop + it.pkt_rcv_undecrypt;
            (it.ms_rcv_tsb_pd_delay, it.pkt_rcv_loss, it.pkt_rcv_retrans, dropped, it.pkt_recv_unique)
        } else {
            (it.ms_snd_tsb_pd_delay, it.pkt_snd_loss, it.pkt_retrans, it.pkt_snd_drop, it.pkt_sent_unique)
        };
        let millis = |value: f64| (value * 1e3).round() / 1e6;
        Self {
            peer_version: link.version.to_string(),
            key_length: link.key_length,
            latency_seconds: latency as f64 / 1e3,
            rtt_seconds: millis(it.ms_rtt),
            packets_lost: lost,
            packets_retransmitted: again,
            packets_dropped: dropped,
            loss: if packets == 0 { 0.0 } else { (lost as f64 / packets as f64 * 1e6).round() / 1e6 },
            buffer_seconds: millis((if receives { it.ms_rcv_buf } else { it.ms_snd_buf }) as f64),
            statistics: SrtStatistics::from(it),
            transport: link.faults.map(TransportFaults::from),
        }
    }
}

impl SrtSettings {
    pub(crate) fn new(engine: &Engine) -> Self {
        let config = engine.config().srt;
        Self {
            latency_ms: config.latency_ms.millis(),
            delivery: match config.delivery {
                srt::Delivery::InOrder => SrtDelivery::InOrder,
                srt::Delivery::Exact => SrtDelivery::Exact,
            },
            bare_stream_id: match config.bare_stream_id {
                srt::BareStreamId::Auto => BareStreamId::Auto,
                srt::BareStreamId::Publish => BareStreamId::Publish,
                srt::BareStreamId::Play => BareStreamId::Play,
            },
            default_path: config.default_path.into(),
            encryption: match config.encryption {
                srt::Encryption::Off => SrtEncryption::Off,
                srt::Encryption::One => SrtEncryption::One,
                srt::Encryption::PerStream => SrtEncryption::PerStream,
                srt::Encryption::File => SrtEncryption::File,
            },
            passphrase_set: engine.secrets().find(passphrases::ONE).is_some(),
            passphrase_file: config.passphrase_file.map(|file| file.display().to_string()),
            key_length: config.key_length.map(srt::KeyLength::bytes),
        }
    }
}

//! What operators look at, under the names of the reference implementation, in snake case.

use std::time::{Duration, Instant};

use super::Connection;
use crate::sender::OVERHEAD;

/// Control packets that were exchanged.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Exchange {
    pub(super) ack_sent: u64,
    pub(super) ack_received: u64,
    pub(super) nak_sent: u64,
    pub(super) nak_received: u64,
    pub(super) invalid: u64,
}

/// Counts since the connection began, and some values of the moment. Bytes include 44 bytes of headers a packet.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[expect(missing_docs, reason = "the names are those of the reference implementation's statistics")]
pub struct Statistics {
    pub pkt_sent: u64,
    pub pkt_recv: u64,
    pub pkt_sent_unique: u64,
    pub pkt_recv_unique: u64,
    pub pkt_snd_loss: u64,
    pub pkt_rcv_loss: u64,
    pub pkt_retrans: u64,
    pub pkt_rcv_retrans: u64,
    pub pkt_sent_ack: u64,
    pub pkt_recv_ack: u64,
    pub pkt_sent_nak: u64,
    pub pkt_recv_nak: u64,
    pub pkt_snd_drop: u64,
    pub pkt_rcv_drop: u64,
    pub pkt_rcv_undecrypt: u64,
    pub pkt_rcv_belated: u64,
    pub pkt_rcv_filter_extra: u64,
    pub byte_sent: u64,
    pub byte_recv: u64,
    pub byte_sent_unique: u64,
    pub byte_recv_unique: u64,
    pub byte_retrans: u64,
    pub byte_snd_drop: u64,
    pub byte_rcv_undecrypt: u64,
    pub pkt_flow_window: u64,
    pub pkt_flight_size: u64,
    pub ms_rtt: f64,
    pub mbps_recv_rate: f64,
    pub mbps_bandwidth: f64,
    pub mbps_max_bw: f64,
    pub pkt_snd_buf: u64,
    pub byte_snd_buf: u64,
    pub ms_snd_buf: u64,
    pub ms_snd_tsb_pd_delay: u64,
    pub pkt_rcv_buf: u64,
    pub byte_rcv_buf: u64,
    pub ms_rcv_tsb_pd_delay: u64,
    /// Not of the reference implementation: datagrams and reports that made no sense.
    pub pkt_invalid: u64,
    /// Not of the reference implementation: packets for which the receive buffer had no room.
    pub pkt_rcv_no_room: u64,
}

impl Connection {
    /// The statistics of this moment.
    pub fn statistics(&self, now: Instant) -> Statistics {
        let (sent, received, exchange) = (&self.sender.counts, &self.receiver.counts, &self.exchange);
        let (snd_packets, snd_bytes, snd_age) = self.sender.waiting(now);
        let (rcv_packets, rcv_bytes) = self.receiver.waiting();
        let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let mbps = |bytes: u64| bytes as f64 * 8.0 / 1e6;
        Statistics {
            pkt_sent: sent.packets,
            pkt_recv: received.packets,
            pkt_sent_unique: sent.unique,
            pkt_recv_unique: received.unique,
            pkt_snd_loss: sent.lost,
            pkt_rcv_loss: received.lost,
            pkt_retrans: sent.retransmitted,
            pkt_rcv_retrans: received.retransmitted,
            pkt_sent_ack: exchange.ack_sent,
            pkt_recv_ack: exchange.ack_received,
            pkt_sent_nak: exchange.nak_sent,
            pkt_recv_nak: exchange.nak_received,
            pkt_snd_drop: sent.dropped,
            pkt_rcv_drop: received.dropped,
            pkt_rcv_undecrypt: received.undecryptable,
            pkt_rcv_belated: received.belated,
            pkt_rcv_filter_extra: received.filter,
            byte_sent: sent.bytes,
            byte_recv: received.bytes + received.packets * OVERHEAD,
            byte_sent_unique: sent.unique_bytes,
            byte_recv_unique: received.unique_bytes + received.unique * OVERHEAD,
            byte_retrans: sent.retransmitted_bytes,
            byte_snd_drop: sent.dropped_bytes,
            byte_rcv_undecrypt: received.undecryptable_bytes + received.undecryptable * OVERHEAD,
            pkt_flow_window: self.sender.window(),
            pkt_flight_size: self.sender.in_flight(),
            ms_rtt: self.rtt.smoothed().as_secs_f64() * 1e3,
            mbps_recv_rate: mbps(self.receiver.rates.bytes_per_second()),
            mbps_bandwidth: mbps(self.receiver.rates.link() * 1500),
            mbps_max_bw: mbps(self.sender.bandwidth()),
            pkt_snd_buf: snd_packets as u64,
            byte_snd_buf: snd_bytes as u64,
            ms_snd_buf: millis(snd_age),
            ms_snd_tsb_pd_delay: millis(self.sender.latency()),
            pkt_rcv_buf: rcv_packets as u64,
            byte_rcv_buf: rcv_bytes as u64,
            ms_rcv_tsb_pd_delay: millis(self.receiver.latency()),
            pkt_invalid: exchange.invalid + sent.nonsense,
            pkt_rcv_no_room: received.no_room,
        }
    }
}

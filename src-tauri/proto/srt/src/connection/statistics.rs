//! What operators look at, under the names of the reference implementation, in snake case.

use std::time::{Duration, Instant};

use super::Connection;
use crate::listener::MTU;
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
    pub ms_time_stamp: u64,
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
    pub pkt_rcv_avg_belated_time: f64,
    pub pkt_reorder_distance: u64,
    pub pkt_reorder_tolerance: u64,
    pub pkt_snd_filter_extra: u64,
    pub pkt_rcv_filter_extra: u64,
    pub pkt_rcv_filter_supply: u64,
    pub pkt_rcv_filter_loss: u64,
    pub us_snd_duration: u64,
    pub byte_sent: u64,
    pub byte_recv: u64,
    pub byte_sent_unique: u64,
    pub byte_recv_unique: u64,
    pub byte_retrans: u64,
    pub byte_snd_drop: u64,
    pub byte_rcv_loss: u64,
    pub byte_rcv_drop: u64,
    pub byte_rcv_undecrypt: u64,
    pub us_pkt_snd_period: f64,
    pub pkt_flow_window: u64,
    pub pkt_congestion_window: u64,
    pub pkt_flight_size: u64,
    pub ms_rtt: f64,
    pub mbps_send_rate: f64,
    pub mbps_recv_rate: f64,
    pub mbps_bandwidth: f64,
    pub mbps_max_bw: f64,
    pub byte_mss: u64,
    pub byte_avail_snd_buf: u64,
    pub byte_avail_rcv_buf: u64,
    pub pkt_snd_buf: u64,
    pub byte_snd_buf: u64,
    pub ms_snd_buf: u64,
    pub ms_snd_tsb_pd_delay: u64,
    pub pkt_rcv_buf: u64,
    pub byte_rcv_buf: u64,
    pub ms_rcv_buf: u64,
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
        // What did not come has no size; the average of what did stands for it.
        let average = received.unique_bytes.checked_div(received.unique).unwrap_or(0) + OVERHEAD;
        let sent_average = sent.bytes.checked_div(sent.packets).unwrap_or(0);
        let belated = received.belated_time.as_secs_f64() * 1e3 / received.belated.max(1) as f64;
        let (snd_room, rcv_room) = (self.sender.room() as u64, self.receiver.free() as u64);
        Statistics {
            ms_time_stamp: millis(now.saturating_duration_since(self.started)),
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
            pkt_rcv_avg_belated_time: belated,
            pkt_reorder_distance: received.reordered.unsigned_abs(),
            // Losses are reported as soon as they show.
            pkt_reorder_tolerance: 0,
            // No packet filter is ever agreed.
            pkt_snd_filter_extra: 0,
            pkt_rcv_filter_extra: received.filter,
            pkt_rcv_filter_supply: 0,
            pkt_rcv_filter_loss: 0,
            us_snd_duration: u64::try_from(self.sender.busy(now).as_micros()).unwrap_or(u64::MAX),
            byte_sent: sent.bytes,
            byte_recv: received.bytes + received.packets * OVERHEAD,
            byte_sent_unique: sent.unique_bytes,
            byte_recv_unique: received.unique_bytes + received.unique * OVERHEAD,
            byte_retrans: sent.retransmitted_bytes,
            byte_snd_drop: sent.dropped_bytes,
            byte_rcv_loss: received.lost * average,
            byte_rcv_drop: received.dropped * average,
            byte_rcv_undecrypt: received.undecryptable_bytes + received.undecryptable * OVERHEAD,
            us_pkt_snd_period: sent_average as f64 * 1e6 / self.sender.bandwidth() as f64,
            pkt_flow_window: self.sender.window(),
            // Live mode has no congestion window of its own.
            pkt_congestion_window: self.sender.window(),
            pkt_flight_size: self.sender.in_flight(),
            ms_rtt: self.rtt.smoothed().as_secs_f64() * 1e3,
            mbps_send_rate: mbps(self.sender.rates.bytes_per_second(now)),
            mbps_recv_rate: mbps(self.receiver.rates.bytes_per_second(now)),
            mbps_bandwidth: mbps(self.receiver.rates.link() * 1500),
            mbps_max_bw: mbps(self.sender.bandwidth()),
            byte_mss: MTU.into(),
            byte_avail_snd_buf: snd_room * u64::from(MTU - 28),
            byte_avail_rcv_buf: rcv_room * u64::from(MTU - 28),
            pkt_snd_buf: snd_packets as u64,
            byte_snd_buf: snd_bytes as u64,
            ms_snd_buf: millis(snd_age),
            ms_snd_tsb_pd_delay: millis(self.sender.latency()),
            pkt_rcv_buf: rcv_packets as u64,
            byte_rcv_buf: rcv_bytes as u64,
            ms_rcv_buf: millis(self.receiver.span()),
            ms_rcv_tsb_pd_delay: millis(self.receiver.latency()),
            pkt_invalid: exchange.invalid + sent.nonsense,
            pkt_rcv_no_room: received.no_room,
        }
    }
}

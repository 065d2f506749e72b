//! How much time lost packets get to come again, agreed for each direction ("Handshake Extension Message").

use std::time::Duration;

/// Longest latency a peer may make us keep packets for. Protects memory: the field could ask for 65 seconds.
pub const MAX_LATENCY: Duration = Duration::from_secs(8);

/// Latencies as one end sees them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Latency {
    /// Of what this end receives.
    pub receive: Duration,
    /// The least it wants the other end to keep for what this end sends.
    pub send: Duration,
}

impl Default for Latency {
    /// 120 ms for what is received, no wish for what is sent: the reference implementation's default.
    fn default() -> Self {
        Self { receive: Duration::from_millis(120), send: Duration::ZERO }
    }
}

impl Latency {
    pub(super) fn from_word(word: u32) -> Self {
        let millis = |value: u32| Duration::from_millis(u64::from(value & 0xFFFF));
        Self { receive: millis(word >> 16), send: millis(word) }
    }

    pub(super) fn to_word(self) -> u32 {
        let millis = |duration: Duration| u32::try_from(duration.as_millis()).unwrap_or(u32::MAX).min(0xFFFF);
        millis(self.receive) << 16 | millis(self.send)
    }
}

/// What holds when `ours` meets `theirs`: for each direction the larger of what its receiver has and its sender wants.
pub(crate) fn negotiate(ours: Latency, theirs: Latency) -> Latency {
    let within = |duration: Duration| duration.min(MAX_LATENCY);
    Latency { receive: ours.receive.max(within(theirs.send)), send: ours.send.max(within(theirs.receive)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(receive: u64, send: u64) -> Latency {
        Latency { receive: Duration::from_millis(receive), send: Duration::from_millis(send) }
    }

    #[test]
    fn each_direction_is_agreed_on_its_own() {
        let table = [
            (ms(120, 0), ms(120, 0), ms(120, 120)),
            (ms(120, 0), ms(300, 100), ms(120, 300)),
            (ms(120, 0), ms(300, 500), ms(500, 300)),
            (ms(1000, 2000), ms(300, 500), ms(1000, 2000)),
            (ms(120, 0), ms(65_535, 65_535), ms(8000, 8000)),
        ];
        for (ours, theirs, agreed) in table {
            assert_eq!(negotiate(ours, theirs), agreed);
        }
        assert_eq!(ms(0x78, 0).to_word(), 0x0078_0000);
        assert_eq!(Latency::from_word(0x012C_0064), ms(300, 100));
    }
}

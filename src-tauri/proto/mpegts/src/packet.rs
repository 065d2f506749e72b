//! One transport packet (ISO/IEC 13818-1, 2.4.3).

/// Bytes of a packet.
pub const PACKET_LEN: usize = 188;
/// First byte of every packet.
pub const SYNC_BYTE: u8 = 0x47;
/// The packet identifier of stuffing.
const NULL_PID: u16 = 0x1FFF;

/// A packet identifier, 13 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pid(pub u16);

/// What a packet says, and its payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Packet<'a> {
    pub(crate) pid: Pid,
    /// A section or PES packet begins in the payload.
    pub(crate) unit_start: bool,
    /// The receiver before us found it damaged, or it is scrambled: there is nothing to read in it.
    pub(crate) unreadable: bool,
    pub(crate) counter: u8,
    /// The sender announces that its counter may jump here.
    pub(crate) discontinuity: bool,
    /// It carries the program's clock, which begins anew if that is announced.
    pub(crate) clock: bool,
    /// A key frame begins here, says the sender.
    pub(crate) random_access: bool,
    pub(crate) payload: Option<&'a [u8]>,
}

/// Whether `packet` repeats `last`: every byte, but for the clock, which may be renewed (2.4.3.3).
pub(crate) fn repeats(packet: &[u8; PACKET_LEN], last: &[u8; PACKET_LEN]) -> bool {
    let has_clock = matches!(packet, [_, _, _, flags, 7..=0xFF, field, ..] if flags & 0x20 != 0 && field & 0x10 != 0);
    let clock = if has_clock { 6..12 } else { 0..0 };
    packet.iter().zip(last).enumerate().all(|(at, (byte, other))| byte == other || clock.contains(&at))
}

impl<'a> Packet<'a> {
    /// Reads a packet; `None` for stuffing and for packets whose fields contradict each other.
    pub(crate) fn parse(bytes: &'a [u8; PACKET_LEN]) -> Option<Self> {
        let &[sync, b1, b2, b3, ..] = bytes;
        let pid = u16::from_be_bytes([b1 & 0x1F, b2]);
        if sync != SYNC_BYTE || pid == NULL_PID {
            return None;
        }
        let mut rest = bytes.get(4..)?;
        let (mut discontinuity, mut random_access, mut clock) = (false, false, false);
        if b3 & 0x20 != 0 {
            let (len, after) = rest.split_first()?;
            let (field, after) = after.split_at_checked(usize::from(*len))?;
            if let Some(flags) = field.first() {
                discontinuity = flags & 0x80 != 0;
                random_access = flags & 0x40 != 0;
                clock = flags & 0x10 != 0;
            }
            rest = after;
        }
        Some(Self {
            pid: Pid(pid),
            unit_start: b1 & 0x40 != 0,
            unreadable: b1 & 0x80 != 0 || b3 & 0xC0 != 0,
            counter: b3 & 0x0F,
            discontinuity,
            clock,
            random_access,
            payload: (b3 & 0x10 != 0).then_some(rest),
        })
    }
}

//! SRT packets (draft-sharabayko-srt, "Packet Structure").

mod control;
mod data;
mod seq;

pub use control::{Ack, AckBody, Control, DropRequest, LossRange};
pub use data::{Data, KeyFlag, MessageNumber, Position};
pub use seq::SeqNumber;

/// Bytes of the header of every packet.
pub const HEADER_LEN: usize = 16;

/// Largest packet that is taken: an Ethernet frame less the IPv4 and UDP headers. Protects buffers from jumbo datagrams.
pub const MAX_PACKET: usize = 1472;

/// Identity of a socket at one end; 0 addresses the listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct SocketId(pub u32);

/// Microseconds since the sender's socket began, wrapping after 71 minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WireTime(pub u32);

/// One packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    /// When it was sent, by the sender's clock.
    pub time: WireTime,
    /// Whom it is for.
    pub to: SocketId,
    /// What it holds.
    pub body: Body,
}

/// What a packet holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// Media.
    Data(Data),
    /// Everything else.
    Control(Control),
}

/// Why a datagram is no SRT packet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Shorter than a header, or than its type demands.
    #[error("{what} has {len} bytes, at least {least} are needed")]
    TooShort {
        /// What was read.
        what: &'static str,
        /// Bytes there were.
        len: usize,
        /// Bytes it takes.
        least: usize,
    },
    /// A range of losses that runs backwards or does not end.
    #[error("a loss list with a broken range")]
    BrokenRange,
}

/// Takes `N` bytes from the front.
pub(crate) fn take<const N: usize>(bytes: &mut &[u8], what: &'static str) -> Result<[u8; N], Error> {
    let (head, rest) = bytes.split_first_chunk::<N>().ok_or(Error::TooShort { what, len: bytes.len(), least: N })?;
    *bytes = rest;
    Ok(*head)
}

/// Takes a big-endian word from the front.
pub(crate) fn take_u32(bytes: &mut &[u8], what: &'static str) -> Result<u32, Error> {
    take(bytes, what).map(u32::from_be_bytes)
}

/// A datagram, with its media still in it.
pub(crate) enum View<'a> {
    Data(Data<&'a [u8]>),
    Control(Control),
}

/// Reads a datagram without copying its media.
pub(crate) fn view(datagram: &[u8]) -> Result<(WireTime, SocketId, View<'_>), Error> {
    let mut rest = datagram;
    let [w0, w1, time, to] = take_header(&mut rest)?;
    let view = if w0 & 0x8000_0000 == 0 {
        View::Data(Data::parse(w0, w1, rest))
    } else {
        View::Control(Control::parse(w0, w1, rest)?)
    };
    Ok((WireTime(time), SocketId(to), view))
}

fn take_header(rest: &mut &[u8]) -> Result<[u32; 4], Error> {
    let header = take::<HEADER_LEN>(rest, "an SRT packet")?;
    let word = |index: usize| {
        let bytes = header.get(index * 4..).and_then(|bytes| bytes.first_chunk::<4>());
        bytes.map_or(0, |bytes| u32::from_be_bytes(*bytes))
    };
    Ok([word(0), word(1), word(2), word(3)])
}

/// The header of a data packet as it goes on the wire.
pub(crate) fn data_header<P>(time: WireTime, to: SocketId, data: &Data<P>) -> [u8; HEADER_LEN] {
    let (w0, w1) = data.words();
    let mut header = [0; HEADER_LEN];
    let bytes = [w0, w1, time.0, to.0].into_iter().flat_map(u32::to_be_bytes);
    header.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
    header
}

/// The same data packet, marked as sent again.
pub(crate) fn marked_again(datagram: &[u8]) -> Vec<u8> {
    let mut again = datagram.to_vec();
    if let Some(byte) = again.get_mut(4) {
        *byte |= 0x04;
    }
    again
}

impl Packet {
    /// Reads a datagram. Media is copied out of it.
    pub fn parse(datagram: &[u8]) -> Result<Self, Error> {
        let (time, to, view) = view(datagram)?;
        let body = match view {
            View::Data(data) => Body::Data(data.to_owned()),
            View::Control(control) => Body::Control(control),
        };
        Ok(Self { time, to, body })
    }

    /// Appends the packet as it goes on the wire.
    pub fn write(&self, out: &mut Vec<u8>) {
        match &self.body {
            Body::Data(data) => {
                out.extend_from_slice(&data_header(self.time, self.to, data));
                out.extend_from_slice(&data.payload);
            }
            Body::Control(control) => {
                let (w0, w1) = control.words();
                for word in [w0, w1, self.time.0, self.to.0] {
                    out.extend_from_slice(&word.to_be_bytes());
                }
                control.write_body(out);
            }
        }
    }

    /// The packet as a datagram.
    pub fn to_datagram(&self) -> Vec<u8> {
        // An acknowledgement is the most frequent by far.
        let mut out = Vec::with_capacity(64);
        self.write(&mut out);
        out
    }
}

/// The socket a datagram is for, without reading the rest: what a port needs to find the connection.
pub fn destination(datagram: &[u8]) -> Option<SocketId> {
    datagram.get(12..)?.first_chunk::<4>().map(|bytes| SocketId(u32::from_be_bytes(*bytes)))
}

/// Datagrams of `each` bytes, the last one maybe shorter, by the socket that those next to each other are for. A datagram
/// without a whole header is for none, and nothing follows it: the system puts only equal ones together, and a shorter last one.
pub fn runs(mut rest: &[u8], each: usize) -> impl Iterator<Item = (SocketId, &[u8])> {
    let each = each.max(1);
    std::iter::from_fn(move || {
        // The first datagram alone tells: what stands behind it belongs to others.
        let id = destination(rest.chunks(each).next()?)?;
        let like = |datagram: &&[u8]| destination(datagram) == Some(id);
        let same = 1 + rest.chunks(each).skip(1).take_while(like).count();
        let (run, others) = rest.split_at((same * each).min(rest.len()));
        rest = others;
        Some((id, run))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each as the socket it is for and the length of its run.
    fn sorted(bytes: &[u8], each: usize) -> Vec<(u32, usize)> {
        runs(bytes, each).take(1000).map(|(id, run)| (id.0, run.len())).collect()
    }

    #[test]
    fn datagrams_without_a_header_are_nobodys_and_end() {
        for each in 0..16 {
            assert_eq!(sorted(&[0; 64], each), [], "{each}");
        }
        assert_eq!(sorted(&[0; 64], 16), [(0, 64)]);
        assert_eq!(sorted(&[], 1332), []);
    }

    #[test]
    fn neighbours_for_the_same_socket_go_together() {
        let to = |id: u8, len: usize| [&[0; 15][..], &[id], &vec![9; len - 16]].concat();
        let of = |ids: &[u8]| ids.iter().flat_map(|id| to(*id, 20)).collect::<Vec<_>>();
        assert_eq!(sorted(&of(&[1, 1, 2, 1]), 20), [(1, 40), (2, 20), (1, 20)]);
        assert_eq!(sorted(&[of(&[1, 2]), to(2, 17)].concat(), 20), [(1, 20), (2, 37)]);
        // The last one has no whole header.
        assert_eq!(sorted(&[of(&[1, 1]), vec![0; 15]].concat(), 20), [(1, 40)]);
    }
}

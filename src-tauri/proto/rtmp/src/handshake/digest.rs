//! The digests of Flash Player 9 and Flash Media Server: an HMAC-SHA256 hidden at a position that the packet itself
//! names.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use super::{PACKET_LEN, Packet};

const DIGEST_LEN: usize = 32;
/// What of a second packet is signed: all before the signature.
const SIGNED_LEN: usize = PACKET_LEN - DIGEST_LEN;
/// Positions a digest may take within its block.
const POSITIONS: usize = 728;

const PLAYER_KEY: &[u8] = b"Genuine Adobe Flash Player 001";
const SERVER_KEY: &[u8] = b"Genuine Adobe Flash Media Server 001";
/// Follows both keys where a whole packet is signed.
const KEY_SUFFIX: [u8; 32] = [
    0xF0, 0xEE, 0xC2, 0x4A, 0x80, 0x68, 0xBE, 0xE8, 0x2E, 0x00, 0xD0, 0xD1, 0x02, 0x9E, 0x7E, 0x57, 0x6E, 0xEC, 0x5D,
    0x2D, 0x29, 0x80, 0x6F, 0xAB, 0x93, 0xB8, 0xE6, 0x36, 0xCF, 0xEB, 0x31, 0xAE,
];

/// Which half of the packet holds the digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// Position named by bytes 8 to 11, digest from byte 12 on.
    DigestFirst,
    /// Position named by bytes 772 to 775, digest from byte 776 on.
    KeyFirst,
}

impl Layout {
    const fn offset_field(self) -> usize {
        match self {
            Self::DigestFirst => 8,
            Self::KeyFirst => 772,
        }
    }

    /// Where the digest of `packet` starts: always within the packet.
    fn position(self, packet: &Packet) -> usize {
        let field = packet.iter().skip(self.offset_field()).take(4);
        let sum: usize = field.map(|byte| usize::from(*byte)).sum();
        sum % POSITIONS + self.offset_field() + 4
    }
}

pub(super) type Digest = [u8; DIGEST_LEN];

/// Finds the digest a client imprinted into C1.
pub(super) fn find(c1: &Packet) -> Option<(Layout, Digest)> {
    [Layout::DigestFirst, Layout::KeyFirst].into_iter().find_map(|layout| {
        let found = split(c1, layout)?.1;
        let expected = imprint(c1, layout, PLAYER_KEY)?;
        bool::from(found.ct_eq(&expected)).then_some((layout, expected))
    })
}

/// Imprints the server's digest into S1.
pub(super) fn imprint_server(s1: &mut Packet, layout: Layout) {
    let Some(digest) = imprint(s1, layout, SERVER_KEY) else { return };
    let position = layout.position(s1);
    s1.iter_mut().skip(position).zip(digest).for_each(|(to, byte)| *to = byte);
}

/// Signs S2 with a key that is made from the client's digest.
pub(super) fn sign_server(s2: &mut Packet, client_digest: &Digest) {
    let key = hmac(&[SERVER_KEY, &KEY_SUFFIX].concat(), &[client_digest]);
    if let Some((signed, signature)) = s2.split_at_mut_checked(SIGNED_LEN) {
        signature.copy_from_slice(&hmac(&key, &[signed]));
    }
}

fn split(packet: &Packet, layout: Layout) -> Option<(&[u8], &[u8], &[u8])> {
    let (before, rest) = packet.split_at_checked(layout.position(packet))?;
    let (digest, after) = rest.split_at_checked(DIGEST_LEN)?;
    Some((before, digest, after))
}

fn imprint(packet: &Packet, layout: Layout, key: &[u8]) -> Option<Digest> {
    let (before, _, after) = split(packet, layout)?;
    Some(hmac(key, &[before, after]))
}

fn hmac(key: &[u8], parts: &[&[u8]]) -> Digest {
    // HMAC takes keys of any length, so this cannot fail.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return [0; DIGEST_LEN] };
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// What a Flash Player or FFmpeg does to its C1.
    pub(in crate::handshake) fn imprint_player(c1: &mut Packet, layout: Layout) {
        let digest = imprint(c1, layout, PLAYER_KEY).unwrap();
        let position = layout.position(c1);
        c1[position..position + DIGEST_LEN].copy_from_slice(&digest);
    }

    /// What FFmpeg as a player checks of S1 and S2.
    pub(in crate::handshake) fn player_accepts(c1: &Packet, s1: &Packet, s2: &Packet) -> bool {
        let (_, client_digest) = find(c1).unwrap();
        let s1_is_genuine = [Layout::KeyFirst, Layout::DigestFirst]
            .into_iter()
            .any(|layout| split(s1, layout).unwrap().1 == imprint(s1, layout, SERVER_KEY).unwrap());
        let key = hmac(&[SERVER_KEY, &KEY_SUFFIX].concat(), &[&client_digest]);
        s1_is_genuine && hmac(&key, &[&s2[..SIGNED_LEN]]) == s2[SIGNED_LEN..]
    }

    #[test]
    fn every_position_leaves_the_digest_inside_the_packet() {
        for layout in [Layout::DigestFirst, Layout::KeyFirst] {
            for sum in 0..=4 * 255usize {
                let mut packet = [0; PACKET_LEN];
                let mut left = sum;
                for byte in &mut packet[layout.offset_field()..layout.offset_field() + 4] {
                    *byte = left.min(255) as u8;
                    left -= usize::from(*byte);
                }
                assert!(split(&packet, layout).is_some(), "{layout:?} {sum}");
            }
        }
    }

    #[test]
    fn a_digest_is_found_in_either_layout_and_a_damaged_one_is_not() {
        for layout in [Layout::DigestFirst, Layout::KeyFirst] {
            let mut c1 = std::array::from_fn(|index| (index * 7 % 251) as u8);
            assert_eq!(find(&c1), None);
            imprint_player(&mut c1, layout);
            assert_eq!(find(&c1).map(|(layout, _)| layout), Some(layout));
            c1[1500] ^= 1;
            assert_eq!(find(&c1), None);
        }
    }

    /// FFmpeg's C1 and nginx-rtmp's answer to it: both sides of the arithmetic as others do it.
    #[test]
    fn digests_of_ffmpeg_and_nginx_agree_with_ours() {
        let hello = include_bytes!("../../../../../tests/vectors/rtmp/ffmpeg-5.1-publish.bin");
        let answer = include_bytes!("../../../../../tests/vectors/rtmp/nginx-rtmp-1.2.2-s0s1s2.bin");
        let c1: Packet = hello[1..=PACKET_LEN].try_into().unwrap();
        let s1: Packet = answer[1..=PACKET_LEN].try_into().unwrap();
        let s2: Packet = answer[1 + PACKET_LEN..].try_into().unwrap();
        assert_eq!(find(&c1).map(|(layout, _)| layout), Some(Layout::DigestFirst));
        assert!(player_accepts(&c1, &s1, &s2));
    }

    #[test]
    fn hmac_sha256_matches_rfc_4231_case_2() {
        let digest = hmac(b"Jefe", &[b"what do ya want ", b"for nothing?"]);
        assert_eq!(digest[..4], [0x5b, 0xdc, 0xc1, 0x46]);
        assert_eq!(digest[28..], [0x64, 0xec, 0x38, 0x43]);
    }
}

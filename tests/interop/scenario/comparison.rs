//! The comparison itself: each fault it is there for must be seen.

use crate::clip::{Make, clip};
use crate::ffmpeg::Ffmpeg;
use crate::packets::{From, Listing, Packet, same};
use crate::process::Outcome;

/// Does something to what came, as a faulty hub would.
type Fault = fn(&mut Vec<Packet>);

const FAULTS: &[(&str, Fault)] = &[
    ("a lost frame", |packets| drop(packets.remove(40))),
    ("a lost end", |packets| drop(packets.pop())),
    ("a frame twice", |packets| packets.insert(40, packets[40].clone())),
    ("frames in another order", |packets| {
        let later = (41..).find(|at| packets[*at].kind == packets[40].kind).unwrap_or(41);
        packets.swap(40, later);
    }),
    ("other bytes", |packets| packets[40].hash = packets[41].hash.clone()),
    ("another time", |packets| packets[40].dts += 1),
    ("another order of display", |packets| packets[40].pts += 1),
    ("sound against picture", |packets| {
        let audio = packets[1..].iter().find(|packet| packet.kind != packets[0].kind).map(|packet| packet.kind);
        packets.iter_mut().filter(|packet| Some(packet.kind) == audio).for_each(|packet| packet.dts += 40);
    }),
    ("a lost beginning", |packets| drop(packets.drain(..3))),
    ("nothing", Vec::clear),
];

pub(crate) fn sees_every_fault(ffmpeg: &Ffmpeg) -> Outcome {
    let clip = clip(Make::H264Aac, ffmpeg)?;
    let key_frame =
        clip.packets.packets.iter().position(|packet| clip.key.get(1) == Some(&packet.hash)).ok_or("no key frame")?;
    let (whole, late) = (moved(&clip.packets), moved(&clip.packets.skip(key_frame)));
    same(&clip.packets, &clip.key, &whole, From::TheFirstFrame)?;
    same(&clip.packets, &clip.key, &late, From::AKeyFrame)?;
    for (name, fault) in FAULTS {
        for (good, from) in [(&whole, From::TheFirstFrame), (&late, From::AKeyFrame)] {
            let mut bad = good.clone();
            fault(&mut bad.packets);
            if same(&clip.packets, &clip.key, &bad, from).is_ok() {
                return Err(format!("{name} was not seen, reading from {from:?}"));
            }
        }
    }
    if same(&clip.packets, &clip.key, &late, From::TheFirstFrame).is_ok() {
        return Err("a late start was taken for a whole stream".to_owned());
    }
    let mut other = whole;
    other.configs.values_mut().for_each(|hash| *hash = "other".to_owned());
    if same(&clip.packets, &clip.key, &other, From::TheFirstFrame).is_ok() {
        return Err("another decoder configuration was not seen".to_owned());
    }
    Ok(())
}

/// The same stream on a timeline of its own, as a hub may deliver it.
fn moved(listing: &Listing) -> Listing {
    let mut moved = listing.clone();
    for packet in &mut moved.packets {
        packet.dts += 1234;
        packet.pts += 1234;
    }
    moved
}

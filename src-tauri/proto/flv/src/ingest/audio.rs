//! Audio messages.

use bytes::Bytes;
use weir_media::codec::{self, aac, ac3, flac, mp3};
use weir_media::{AudioInfo, Codec, Frame, FrameKind, TimeDelta, Timestamp, TrackId};

use super::{Ingest, Item, owned};
use crate::audio::legacy_info;
use crate::{AudioBody, AudioPacket, AudioPayload, AudioTag, Error};

impl Ingest {
    pub(super) fn handle_audio(&mut self, time: Timestamp, tag: AudioTag, out: &mut Vec<Item>) -> Result<(), Error> {
        let time = time + TimeDelta::from_nanos(tag.offset_nanos.into());
        match tag.body {
            AudioBody::Empty => self.ignore(),
            AudioBody::Legacy { flags, packet } => self.audio_packet(time, Some(flags), packet, out)?,
            AudioBody::Packets { packets, .. } => {
                for packet in packets {
                    self.audio_packet(time, None, packet, out)?;
                }
            }
        }
        Ok(())
    }

    fn audio_packet(
        &mut self,
        time: Timestamp,
        flags: Option<u8>,
        packet: AudioPacket,
        out: &mut Vec<Item>,
    ) -> Result<(), Error> {
        let (id, codec) = (TrackId::audio(packet.track), packet.codec);
        match packet.payload {
            AudioPayload::SequenceStart(config) => self.audio_config(id, codec, &config, out),
            AudioPayload::Frame(data) => {
                let frame = Frame { track: id, dts: time, pts: time, kind: FrameKind::Key, data };
                self.audio_frame(codec, flags, frame, out)
            }
            AudioPayload::MultichannelConfig(data) => self.set_side_data(id, codec, Some(&data), out),
            AudioPayload::SequenceEnd => Ok(()),
            AudioPayload::Other { .. } => {
                self.ignore();
                Ok(())
            }
        }
    }

    fn audio_config(&mut self, id: TrackId, codec: Codec, config: &Bytes, out: &mut Vec<Item>) -> Result<(), Error> {
        if config.is_empty() {
            // DJI sends empty AAC configurations before the real one; Opus may do without.
            if codec.needs_config() {
                self.ignore();
                return Ok(());
            }
            return self.update(id, codec, out, |track| {
                track.config = None;
                track.audio = Some(codec::audio_info(codec, &Bytes::new()));
            });
        }
        let config = owned(codec, config)?;
        let config = match codec {
            Codec::Aac => aac::AudioSpecificConfig::parse(&config).map(|_| config)?,
            Codec::Flac => flac::canonical(&config)?,
            _ => config,
        };
        self.set_audio_config(id, codec, config, out)
    }

    fn set_audio_config(&mut self, id: TrackId, codec: Codec, config: Bytes, out: &mut Vec<Item>) -> Result<(), Error> {
        self.update(id, codec, out, |track| {
            if track.config.as_ref() == Some(&config) {
                return;
            }
            track.audio = Some(codec::audio_info(codec, &config));
            track.config = Some(config);
        })
    }

    fn audio_frame(
        &mut self,
        codec: Codec,
        flags: Option<u8>,
        mut frame: Frame,
        out: &mut Vec<Item>,
    ) -> Result<(), Error> {
        if frame.data.is_empty() {
            self.ignore();
            return Ok(());
        }
        if codec == Codec::Aac {
            self.strip_adts(&mut frame, out)?;
        }
        if codec.needs_config() && self.track(frame.track, codec).is_none_or(|track| track.config.is_none()) {
            self.counts.before_config += 1;
            return Ok(());
        }
        self.ensure_audio(codec, flags, &frame, out)?;
        out.push(Item::Frame(frame));
        Ok(())
    }

    /// Some encoders leave the ADTS header on. No raw frame can look like one: its first three bits would be an end marker.
    fn strip_adts(&mut self, frame: &mut Frame, out: &mut Vec<Item>) -> Result<(), Error> {
        let Ok(adts) = aac::Adts::parse(&frame.data) else { return Ok(()) };
        if adts.frame_len != frame.data.len() {
            return Ok(());
        }
        frame.data = frame.data.slice(adts.header_len..);
        if self.track(frame.track, Codec::Aac).is_none_or(|track| track.config.is_none()) {
            self.set_audio_config(frame.track, Codec::Aac, adts.audio_specific_config(), out)?;
        }
        Ok(())
    }

    /// Makes the track of a codec that needs no configuration, from what its frames or the first byte of the tag say.
    fn ensure_audio(
        &mut self,
        codec: Codec,
        flags: Option<u8>,
        frame: &Frame,
        out: &mut Vec<Item>,
    ) -> Result<(), Error> {
        let known = self.track(frame.track, codec);
        let known_info = known.and_then(|track| track.audio.as_ref());
        let (config, info) = match (codec, flags) {
            (Codec::FlvAudio(_), Some(flags)) => {
                if known.and_then(|track| track.config.as_deref()) == Some(&[flags]) {
                    return Ok(());
                }
                (Some(Bytes::copy_from_slice(&[flags])), legacy_info(flags))
            }
            (Codec::Mp3, _) => match (mp3::FrameHeader::parse(&frame.data), known_info, flags) {
                (Ok(header), ..) => (None, header.audio_info()),
                (Err(_), Some(_), _) => return Ok(()),
                (Err(_), None, flags) => (None, flags.map(legacy_info).unwrap_or_default()),
            },
            (Codec::Ac3 | Codec::Eac3, _) => match ac3::audio_info(&frame.data) {
                Ok(info) => (None, info),
                Err(_) if known.is_some() => return Ok(()),
                Err(_) => (None, AudioInfo::default()),
            },
            _ if known.is_some() => return Ok(()),
            _ => (None, codec::audio_info(codec, &Bytes::new())),
        };
        if known.is_some() && known_info == Some(&info) && config.is_none() {
            return Ok(());
        }
        self.update(frame.track, codec, out, |track| {
            track.audio = Some(info);
            track.config = config.or(track.config.take());
        })
    }
}

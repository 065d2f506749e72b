//! Video messages.

use bytes::Bytes;
use weir_amf0::Value;
use weir_media::codec::nal::{self, LengthPrefixed, LengthSize};
use weir_media::codec::{self, av1, h264, h265, vp9};
use weir_media::{Codec, Frame, FrameKind, TimeDelta, Timestamp, TrackId, VideoInfo};

use super::{Ingest, Item, owned, parameter_sets};
use crate::{Error, VideoBody, VideoPayload, VideoTag};

impl Ingest {
    pub(super) fn handle_video(&mut self, time: Timestamp, tag: VideoTag, out: &mut Vec<Item>) -> Result<(), Error> {
        let VideoBody::Packets { packets, .. } = tag.body else {
            self.ignore();
            return Ok(());
        };
        let flagged = tag.frame_type.frame_kind();
        for packet in packets {
            let (id, codec) = (TrackId::video(packet.track), packet.codec);
            match packet.payload {
                VideoPayload::SequenceStart(config) => self.video_config(id, codec, &config, out)?,
                VideoPayload::Frame { composition_millis, data } => {
                    let composition = TimeDelta::from_millis(composition_millis.unwrap_or(0).into());
                    let pts = time + composition + TimeDelta::from_nanos(tag.offset_nanos.into());
                    let frame = Frame { track: id, dts: time, pts, kind: flagged, data };
                    self.video_frame(codec, frame, out)?;
                }
                VideoPayload::Metadata(data) => {
                    let reset = is_reset(&data);
                    self.set_side_data(id, codec, if reset { None } else { Some(&data) }, out)?;
                }
                VideoPayload::SequenceEnd => {}
                VideoPayload::TsSequenceStart(_) | VideoPayload::Other { .. } => self.ignore(),
            }
        }
        Ok(())
    }

    fn video_config(&mut self, id: TrackId, codec: Codec, config: &Bytes, out: &mut Vec<Item>) -> Result<(), Error> {
        if config.is_empty() {
            self.ignore();
            return Ok(());
        }
        let mut config = owned(codec, config)?;
        let wire_config = config.clone();
        if self.track(id, codec).is_some() && self.state(id)?.wire_config == wire_config {
            return Ok(());
        }
        let mut length_size = LengthSize::Four;
        match codec {
            Codec::H264 | Codec::H265 => {
                if nal::begins_with_start_code(&config)
                    && let Some(built) = parameter_sets::config(codec, nal::AnnexB::new(&config))
                {
                    config = built;
                }
                let parsed = parameter_sets::parse(codec, &config)?;
                (config, length_size) = (parsed.canonical, parsed.length_size);
                self.state(id)?.parameter_sets = parsed.units;
            }
            Codec::Vp8 | Codec::Vp9 => config = vp9::DecoderConfig::canonical(&config),
            _ => {}
        }
        let state = self.state(id)?;
        state.length_size = length_size;
        state.wire_config = wire_config;
        self.set_video_config(id, codec, config, out)
    }

    fn set_video_config(&mut self, id: TrackId, codec: Codec, config: Bytes, out: &mut Vec<Item>) -> Result<(), Error> {
        self.update(id, codec, out, |track| {
            if track.config.as_ref() == Some(&config) {
                return;
            }
            track.video = Some(codec::video_info(codec, &config));
            track.config = Some(config);
        })
    }

    fn video_frame(&mut self, codec: Codec, mut frame: Frame, out: &mut Vec<Item>) -> Result<(), Error> {
        let id = frame.track;
        if matches!(codec, Codec::H264 | Codec::H265) {
            frame.data = nal::canonical(&frame.data, self.state(id)?.length_size)?;
        }
        if codec == Codec::Av1 {
            frame.data = without_delimiter(&frame.data);
        }
        self.follow_parameter_sets(id, codec, &frame.data, out)?;
        let units = LengthPrefixed::new(&frame.data, LengthSize::Four);
        let hollow = if codec.has_nal_units() { units.count() == 0 } else { frame.data.is_empty() };
        if hollow {
            self.ignore();
            return Ok(());
        }
        if codec.needs_config() && self.track(id, codec).is_none_or(|track| track.config.is_none()) {
            self.counts.before_config += 1;
            return Ok(());
        }
        frame.kind = match codec {
            Codec::H264 => h264::frame_kind(&frame.data, frame.kind).unwrap_or(FrameKind::Delta),
            Codec::H265 => h265::frame_kind(&frame.data).unwrap_or(FrameKind::Delta),
            _ => frame.kind,
        };
        self.ensure_video(codec, &frame, out)?;
        out.push(Item::Frame(frame));
        Ok(())
    }

    /// Parameter sets inside a frame that are not known yet are a new configuration: some encoders change resolution so,
    /// and some send no configuration of their own at all.
    fn follow_parameter_sets(
        &mut self,
        id: TrackId,
        codec: Codec,
        data: &[u8],
        out: &mut Vec<Item>,
    ) -> Result<(), Error> {
        let units = || LengthPrefixed::new(data, LengthSize::Four).map_while(Result::ok);
        let is_set = |unit: &&[u8]| parameter_sets::is_one(codec, unit);
        let known = &self.state(id)?.parameter_sets;
        let news = units().filter(is_set).any(|unit| !known.iter().any(|set| set == unit));
        if !news {
            return Ok(());
        }
        let Some(config) = parameter_sets::config(codec, units()) else { return Ok(()) };
        self.state(id)?.parameter_sets = units().filter(is_set).map(Bytes::copy_from_slice).collect();
        self.set_video_config(id, codec, owned(codec, &config)?, out)
    }

    /// Makes the track of a codec that needs no configuration, and reads dimensions off a key frame where only that has them.
    fn ensure_video(&mut self, codec: Codec, frame: &Frame, out: &mut Vec<Item>) -> Result<(), Error> {
        let sized = |info: &VideoInfo| info.width.is_some();
        let known = self.track(frame.track, codec);
        let complete = known.is_some_and(|track| !frame.is_key() || track.video.as_ref().is_some_and(sized));
        if complete {
            return Ok(());
        }
        let found = match codec {
            _ if !frame.is_key() => None,
            Codec::Vp9 => vp9::key_frame_size(&frame.data).ok().map(dimensions),
            Codec::Vp8 => vp9::vp8_key_frame_size(&frame.data).map(dimensions),
            Codec::Av1 => av1::SequenceHeader::find(&frame.data).map(|sequence| sequence.video_info()),
            _ => None,
        };
        self.update(frame.track, codec, out, |track| {
            let info = track.video.get_or_insert_default();
            if let Some(found) = found {
                *info = VideoInfo {
                    width: found.width,
                    height: found.height,
                    frame_rate: info.frame_rate.or(found.frame_rate),
                    profile: info.profile.take().or(found.profile),
                    level: info.level.take().or(found.level),
                    bit_depth: info.bit_depth.or(found.bit_depth),
                    hdr: info.hdr || found.hdr,
                    color: info.color.or(found.color),
                };
            }
        })
    }
}

/// AV1 without the temporal delimiter that some encoders leave in front (AV1, 5.6): containers mark the unit themselves.
fn without_delimiter(data: &Bytes) -> Bytes {
    const TEMPORAL_DELIMITER: [u8; 2] = [0x12, 0x00];
    if data.starts_with(&TEMPORAL_DELIMITER) { data.slice(TEMPORAL_DELIMITER.len()..) } else { data.clone() }
}

fn dimensions((width, height): (u32, u32)) -> VideoInfo {
    VideoInfo { width: Some(width), height: Some(height), ..VideoInfo::default() }
}

/// Colour metadata is taken back by an undefined or empty value (Enhanced RTMP v2, "Metadata Frame").
fn is_reset(data: &[u8]) -> bool {
    let mut values = weir_amf0::Decoder::new(data);
    let value = values.nth(1).and_then(Result::ok);
    value.is_some_and(|value| {
        matches!(value, Value::Undefined | Value::Null) || value.entries().is_some_and(<[_]>::is_empty)
    })
}

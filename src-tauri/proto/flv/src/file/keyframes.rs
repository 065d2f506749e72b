//! The index of key frames that lets players seek: bounded, thinned as the file grows.

/// Where a key frame is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct KeyFrame {
    /// Milliseconds from the start of the file.
    pub(crate) millis: u32,
    /// Byte offset of its tag.
    pub(crate) position: u64,
}

/// At most `capacity` key frames, evenly spread: when it is full every other one goes, and from then on every other one
/// of those to come is left out.
#[derive(Debug)]
pub(crate) struct KeyFrames {
    list: Vec<KeyFrame>,
    capacity: usize,
    /// One of how many is kept.
    stride: u64,
    seen: u64,
}

impl KeyFrames {
    pub(crate) const fn new(capacity: usize) -> Self {
        Self { list: Vec::new(), capacity, stride: 1, seen: 0 }
    }

    pub(crate) fn push(&mut self, key_frame: KeyFrame) {
        let at = self.seen;
        self.seen += 1;
        if self.capacity == 0 || !at.is_multiple_of(self.stride) {
            return;
        }
        if self.list.len() >= self.capacity {
            let mut index = 0;
            self.list.retain(|_| {
                index += 1;
                index % 2 == 1
            });
            self.stride = self.stride.saturating_mul(2);
            if !at.is_multiple_of(self.stride) {
                return;
            }
        }
        self.list.push(key_frame);
    }

    pub(crate) fn list(&self) -> &[KeyFrame] {
        &self.list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_file_keeps_an_even_index_within_its_room() {
        let mut key_frames = KeyFrames::new(8);
        for number in 0..1000 {
            key_frames.push(KeyFrame { millis: number * 1000, position: number.into() });
            assert!(key_frames.list().len() <= 8);
        }
        let times: Vec<u32> = key_frames.list().iter().map(|key_frame| key_frame.millis / 1000).collect();
        assert_eq!(times, [0, 128, 256, 384, 512, 640, 768, 896]);
    }

    #[test]
    fn a_short_file_keeps_every_key_frame() {
        let mut key_frames = KeyFrames::new(8);
        (0..8).for_each(|number| key_frames.push(KeyFrame { millis: number, position: 0 }));
        assert_eq!(key_frames.list().len(), 8);
        KeyFrames::new(0).push(KeyFrame { millis: 0, position: 0 });
    }
}

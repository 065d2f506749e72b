//! What a subscriber receives.

use std::time::Duration;

use weir_media::{Frame, Tracks};

/// One thing a [`crate::Subscriber`] receives, in order.
#[derive(Debug, Clone)]
pub enum Delivery {
    /// The tracks in force from here on, sent first and at each change, before the frames that need them.
    Tracks(Tracks),
    /// One frame. `seq` numbers it within its stream: the same number is the same frame for every reader.
    Frame {
        /// Position in the stream; grows by at least one a frame.
        seq: u64,
        /// The frame, on the stream's timeline.
        frame: Frame,
    },
    /// The publisher went away and came back, or its clock jumped: time goes on, `gap` later, and decoding begins anew with
    /// the key frame that follows.
    Gap {
        /// The time without frames.
        gap: Duration,
    },
    /// The reader was too slow: this many frames were left out before the next one.
    Skipped {
        /// How many frames were left out.
        frames: u64,
        /// The media time they cover.
        behind: Duration,
    },
    /// Nothing follows.
    Ended(EndReason),
}

/// Why a subscriber, or a publisher, ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EndReason {
    /// The publisher left and the grace time has passed.
    #[error("the publisher left")]
    PublisherLeft,
    /// Nobody published the path while the subscriber waited.
    #[error("no such stream")]
    NotFound,
    /// The lag policy says to end it.
    #[error("too slow: further behind than allowed")]
    TooSlow,
    /// Somebody ended it by hand.
    #[error("ended by the operator")]
    Kicked,
    /// The publisher sent more than [`crate::HubOptions::max_bits_per_second`].
    #[error("more bits a second than are allowed")]
    TooFast,
    /// Another publisher took the path over.
    #[error("another publisher took over")]
    Replaced,
    /// Weir is shutting down.
    #[error("shutting down")]
    Shutdown,
}

impl EndReason {
    /// A fixed word for programs.
    pub const fn code(self) -> &'static str {
        match self {
            Self::PublisherLeft => "publisher_left",
            Self::NotFound => "not_found",
            Self::TooSlow => "too_slow",
            Self::Kicked => "kicked",
            Self::Replaced => "replaced",
            Self::TooFast => "too_fast",
            Self::Shutdown => "shutting_down",
        }
    }
}

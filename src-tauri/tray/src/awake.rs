//! No sleep while something is live: a stream that ends because the computer dozed off is lost for good.

use keepawake::KeepAwake;

/// Keeps the computer awake while it is held. The display may sleep: nobody has to look at it.
#[derive(Default)]
pub struct Guard {
    held: Option<KeepAwake>,
    /// Refused once: said once, not every second.
    refused: bool,
}

impl Guard {
    /// Holds or lets go. Asking the system may take a moment, so this blocks.
    pub fn set(&mut self, wanted: bool) {
        if !wanted {
            self.refused = false;
            if self.held.take().is_some() {
                tracing::info!("the computer may sleep again");
            }
            return;
        }
        if self.held.is_some() || self.refused {
            return;
        }
        let asked = keepawake::Builder::default()
            .idle(true)
            .sleep(true)
            .reason("A stream is live")
            .app_name("Weir")
            .app_reverse_domain("tv.weir.desktop")
            .create();
        match asked {
            Ok(held) => {
                tracing::info!("the computer is kept awake while a stream is live");
                self.held = Some(held);
            }
            Err(error) => {
                self.refused = true;
                tracing::warn!(%error, "the system does not let Weir keep the computer awake");
            }
        }
    }
}

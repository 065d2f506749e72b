//! The seam between a destination's life and the protocols that carry a stream to a server.
//!
//! A protocol is a [`Carrier`]: it connects once, sends until something ends that, and says why. It never retries, waits for
//! streams or reads settings; that is [`super::task`]'s business, the same for all of them. To add one: write its carrier, and
//! one line for its addresses in [`Carriers::carry`].

use std::sync::Arc;

use weir_hub::Hub;
use weir_media::StreamPath;

use super::board::Board;
use super::failure::Failure;
use super::order::{Address, Order, Orders};
use super::reading::Epoch;
use super::rtmp;
use super::srt;
use super::target::Target;
use crate::protocol::srt::Links;

/// Why carrying a stream ended.
#[derive(Debug, PartialEq)]
pub(super) enum Outcome {
    /// The stream is over.
    StreamEnded,
    /// The server asked to be connected to anew.
    Again,
    /// Another order came, or the destination is to stop.
    Interrupted,
    /// The connection failed. What follows depends on the failure's code.
    Failed(Failure),
}

/// One attempt to carry a stream.
pub(super) struct Attempt<'a> {
    /// What the destination is told to do. [`Order::target`] of `address` says where to.
    pub(super) order: &'a Arc<Order>,
    /// Which of its addresses is meant.
    pub(super) address: Address,
    /// The stream. Subscribe to it with [`Reading::of`](super::reading::Reading::of) once the server takes it, not before.
    pub(super) path: &'a StreamPath,
    /// Where to write down: each step of connecting and the moment the server takes the stream ([`Board::stands`]), bytes
    /// handed to the network ([`Board::wrote`]), what became of them at least twice a second ([`Board::progress`]), frames
    /// ([`Board::counted`]) and lateness ([`Board::is_behind`]).
    pub(super) board: &'a Board,
    /// The clock to share with the connection to the second address, where both are sent to.
    pub(super) epoch: Option<&'a Epoch>,
    /// Must be waited on beside everything else: [`Attempt::interrupted`] resolves when the attempt is to end, politely.
    pub(super) orders: &'a mut Orders,
}

impl Attempt<'_> {
    /// Resolves when the attempt is to end. Cancel-safe.
    pub(super) async fn interrupted(&mut self) {
        let board = self.board;
        self.orders.interrupted(self.order, Some(self.path), |new| board.ordered(new)).await;
    }
}

/// Carries a stream to a server, from the first look-up of its name to the end of the connection.
pub(super) trait Carrier: Send {
    /// Connects and sends until something ends it.
    fn carry(&mut self, attempt: Attempt<'_>) -> impl Future<Output = Outcome> + Send;

    /// Connects although there is no stream, and keeps the connection for [`Carrier::carry`] to use (start rule "always").
    /// Ends only with why it could not. Dropping the future keeps the connection.
    fn stand_by(&mut self, _order: &Order, _address: Address, _board: &Board) -> impl Future<Output = Failure> + Send {
        std::future::pending()
    }

    /// Ends a connection that was kept.
    fn release(&mut self, _board: &Board) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }
}

/// Every protocol that carries, chosen by the address.
#[derive(Debug)]
pub(super) struct Carriers {
    rtmp: rtmp::Carrier,
    srt: srt::Carrier,
}

impl Carriers {
    pub(super) fn new(hub: Hub, links: Links) -> Self {
        Self { rtmp: rtmp::Carrier::new(hub.clone()), srt: srt::Carrier::new(hub, links) }
    }
}

impl Carrier for Carriers {
    async fn carry(&mut self, attempt: Attempt<'_>) -> Outcome {
        match attempt.order.target(attempt.address) {
            Ok(Target::Rtmp(url)) => self.rtmp.carry(url, attempt).await,
            Ok(Target::Srt(target)) => self.srt.carry(target, attempt).await,
            Err(failure) => Outcome::Failed(failure),
        }
    }

    async fn stand_by(&mut self, order: &Order, address: Address, board: &Board) -> Failure {
        match order.target(address) {
            Ok(Target::Rtmp(url)) => self.rtmp.stand_by(url, order, board).await,
            Ok(Target::Srt(target)) => self.srt.stand_by(target, board).await,
            Err(failure) => failure,
        }
    }

    async fn release(&mut self, board: &Board) {
        self.srt.release();
        self.rtmp.release(board).await;
    }
}

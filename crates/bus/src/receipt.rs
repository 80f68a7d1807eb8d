//! The promise that a durable message will not be lost.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::sync::oneshot;

use crate::error::Error;

/// Resolves once the message is safe; dropping it changes nothing about that.
///
/// Safe means: over NATS, that JetStream has stored it. In one process there is no store but the consumers' own, so
/// there it means that every durable consumer of the stream has acknowledged it, and so has kept what it makes of it.
/// Either way the producer may now forget the message, and not before.
#[derive(Debug)]
pub struct Receipt(oneshot::Receiver<Result<Safe, Error>>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Safe {
    /// The stream had a message of this id already; this one was not added.
    pub duplicate: bool,
}

// === impl Receipt ===

impl Receipt {
    pub(crate) fn pending() -> (oneshot::Sender<Result<Safe, Error>>, Self) {
        let (sender, receiver) = oneshot::channel();
        (sender, Self(receiver))
    }
}

impl Future for Receipt {
    type Output = Result<Safe, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0)
            .poll(cx)
            .map(|sent| sent.unwrap_or(Err(Error::Closed)))
    }
}

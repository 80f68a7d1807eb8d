//! What the transport and the programs behind it say to each other.

use futures_util::future::BoxFuture;
use ssh::Exit;

use crate::shell::session::Sink;

/// The transport's end of one channel. Writing waits for the peer's window.
pub trait Outlet: Send + Sync {
    fn out(&self) -> Sink;
    fn err(&self) -> Sink;
    /// Says how the program ended, if it did, and closes the channel, in order after all output.
    fn close(self: Box<Self>, exit: Option<Exit>) -> BoxFuture<'static, ()>;
}

/// A channel the peer's wish for which was granted, waiting to be put to use.
pub type Start = Box<dyn FnOnce(Box<dyn Outlet>) + Send>;

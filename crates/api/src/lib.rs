//! The grid over HTTP. Agents have their tool calls judged, sensors hand in metadata; everything else is built around
//! these routes. Serves one loopback address, behind one bearer token.
#![forbid(unsafe_code)]

mod alerts;
mod check;
mod error;
mod judge;
mod openapi;
mod pending;
mod problem;
mod routes;
mod token;
mod traffic;

pub use error::Error;
pub use judge::{Decided, Judge, Standing};
pub use openapi::document;
pub use token::Token;

use std::net::SocketAddr;
use std::sync::Arc;

use detect::Decision;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// What the routes need.
#[derive(Debug)]
pub struct Api {
    pub judge: Arc<Judge>,
    pub token: Token,
    /// What is said of a call when judging it fails.
    pub on_error: Decision,
    /// Calls may say when they were made.
    pub client_time: bool,
    /// Serve the short paths of Detress as well.
    pub detress: bool,
}

/// An API that listens and does not yet answer.
#[derive(Debug)]
pub struct Listening {
    listener: TcpListener,
}

// === impl Listening ===

impl Listening {
    /// Listens on an address of this host's own; port 0 takes a free one.
    ///
    /// # Errors
    /// When the address is another host's to reach, or taken.
    pub async fn on(address: SocketAddr) -> Result<Self, Error> {
        if !address.ip().is_loopback() {
            return Err(Error::NotLoopback(address));
        }
        let listener = TcpListener::bind(address)
            .await
            .map_err(|source| Error::Listen { address, source })?;
        Ok(Self { listener })
    }

    /// # Errors
    /// When the system does not know it any more.
    pub fn address(&self) -> Result<SocketAddr, Error> {
        self.listener.local_addr().map_err(Error::Serve)
    }

    /// Answers until cancelled; requests under way are finished.
    ///
    /// # Errors
    /// When the listener fails.
    pub async fn serve(self, api: Arc<Api>, cancel: CancellationToken) -> Result<(), Error> {
        axum::serve(self.listener, routes::router(api))
            .with_graceful_shutdown(async move { cancel.cancelled().await })
            .await
            .map_err(Error::Serve)
    }
}

//! A question to a model's server, within bounds of size; of time the caller keeps them.

use std::net::IpAddr;

use futures_util::StreamExt as _;
use reqwest::header::AUTHORIZATION;
use reqwest::redirect::Policy;
use reqwest::{Client, Url};
use serde_json::Value;

use crate::{Error, Settings};

pub(crate) struct Server {
    client: Client,
    url: Url,
    key: String,
}

/// Bytes of an answer; the text in it is far shorter.
const MAX: usize = 64 << 10;

// === impl Server ===

impl Server {
    pub(crate) fn new(settings: &Settings, path: &str) -> Result<Self, Error> {
        let wrong = |reason: &str| Error::Address {
            url: settings.url.clone(),
            reason: reason.to_owned(),
        };
        let mut url = Url::parse(&settings.url).map_err(|error| wrong(&error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(wrong("it is neither http nor https"));
        }
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let here = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback());
        if !here && !settings.remote {
            return Err(wrong(
                "it is another host; `llm.allow_remote: true` lets what was found leave this one",
            ));
        }
        url.set_path(path);
        // Somebody may have chosen before us; then that is the one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .redirect(Policy::none())
            .no_proxy()
            .build()
            .map_err(Error::Client)?;
        Ok(Self {
            client,
            url,
            key: settings.key.clone(),
        })
    }

    pub(crate) async fn ask(&self, question: &Value) -> Result<Value, Error> {
        let mut request = self.client.post(self.url.clone()).json(question);
        if !self.key.is_empty() {
            request = request.header(AUTHORIZATION, format!("Bearer {}", self.key));
        }
        let offline = |error: reqwest::Error| Error::Offline(error.without_url().to_string());
        let response = request.send().await.map_err(offline)?;
        if !response.status().is_success() {
            return Err(Error::Status(response.status().as_u16()));
        }
        let mut body = Vec::new();
        let mut pieces = response.bytes_stream();
        while let Some(piece) = pieces.next().await {
            let piece = piece.map_err(offline)?;
            if body.len() + piece.len() > MAX {
                return Err(Error::Answer("it is too long"));
            }
            body.extend_from_slice(&piece);
        }
        serde_json::from_slice(&body).map_err(|_| Error::Answer("it is not JSON"))
    }
}

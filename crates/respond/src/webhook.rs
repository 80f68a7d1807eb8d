//! A finding as a signed POST: `webhook-id`, `webhook-timestamp`, and `x-signature-256` over both and the body.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use detect::{Addr, HomeNets, Severity, config};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use hmac::{Hmac, Mac as _};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::redirect::Policy as Redirects;
use reqwest::{Client, Url};
use serde_json::json;
use sha2::Sha256;
use store::Delivery;
use time::OffsetDateTime;

use crate::Error;
use crate::channel::{Channel, Sent};
use crate::secret::Secret;

pub(crate) struct Webhook {
    name: String,
    url: Url,
    least: Severity,
    client: Client,
    secret: Secret,
}

const TIMEOUT: Duration = Duration::from_secs(5);
const TRIES: u32 = 5;
const SCHEMA: &str = "decnet.finding/1";

/// What `x-signature-256` says: `sha256=` and the hex of HMAC-SHA256 (RFC 2104) over `id.timestamp.body`.
pub fn signature(secret: &[u8], id: &str, timestamp: i64, body: &[u8]) -> String {
    // A key of any length is one.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else {
        return String::new();
    };
    mac.update(format!("{id}.{timestamp}.").as_bytes());
    mac.update(body);
    format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
}

// === impl Webhook ===

impl Webhook {
    /// `private`: receivers inside are meant, and no way in for whoever writes settings.
    pub(crate) fn new(setting: &config::Webhook, secret: Secret, private: bool) -> Result<Self, Error> {
        let wrong = |reason: &str| Error::Webhook {
            url: setting.url.clone(),
            reason: reason.to_owned(),
        };
        let url = Url::parse(&setting.url).map_err(|error| wrong(&error.to_string()))?;
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        let literal = host.parse::<IpAddr>().ok();
        if !private && literal.is_some_and(|ip| !is_outside(ip)) {
            return Err(wrong(
                "it is an address inside; `webhook.allow_private: true` allows those",
            ));
        }
        // Somebody may have chosen before us; then that is the one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .timeout(TIMEOUT)
            .redirect(Redirects::none())
            .no_proxy()
            .dns_resolver(Arc::new(Resolver { private }))
            .build()?;
        let name = if setting.name.is_empty() {
            "webhook".to_owned()
        } else {
            format!("webhook:{}", setting.name)
        };
        Ok(Self {
            name,
            url,
            least: setting.min_severity,
            client,
            secret,
        })
    }

    async fn post(&self, delivery: &Delivery) -> Sent {
        let at = OffsetDateTime::now_utc().unix_timestamp();
        // The same for every try: a receiver knows what it has had.
        let id = format!("{}.{}", delivery.finding.id, delivery.severity);
        let body = json!({ "schema": SCHEMA, "finding": delivery.finding.detail })
            .to_string()
            .into_bytes();
        let signature = signature(self.secret.bytes(), &id, at, &body);
        let request = self
            .client
            .post(self.url.clone())
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .header("webhook-id", id)
            .header("webhook-timestamp", at)
            .header("x-signature-256", signature)
            .body(body);
        match request.send().await {
            Ok(response) if response.status().is_success() => Sent::Done,
            Ok(response) if response.status().is_redirection() => Sent::Never(format!(
                "{} answers {}: redirects are not followed",
                self.name,
                response.status()
            )),
            Ok(response) => Sent::Later(format!("{} answers {}", self.name, response.status())),
            // Without the address: it may hold a token.
            Err(error) => Sent::Later(format!("{}: {}", self.name, why(&error.without_url()))),
        }
    }
}

impl Channel for Webhook {
    fn name(&self) -> &str {
        &self.name
    }

    fn least(&self) -> Severity {
        self.least
    }

    fn tries(&self) -> u32 {
        TRIES
    }

    /// One after the other; after one failed the rest of the batch waits as well.
    fn send<'a>(&'a self, due: &'a [Delivery]) -> BoxFuture<'a, Vec<Sent>> {
        async move {
            let mut sent = Vec::with_capacity(due.len());
            for delivery in due {
                let became = self.post(delivery).await;
                let failed = matches!(became, Sent::Later(_));
                sent.push(became);
                if failed {
                    break;
                }
            }
            sent
        }
        .boxed()
    }
}

/// The error and what it came from, in one line.
fn why(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    text
}

fn is_outside(ip: IpAddr) -> bool {
    HomeNets::new(Vec::new()).is_public(Addr::from(ip))
}

/// Gives out no address inside: a name may turn to one after it was looked at.
struct Resolver {
    private: bool,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let private = self.private;
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let allowed: Vec<SocketAddr> = found.into_iter().filter(|it| private || is_outside(it.ip())).collect();
            if allowed.is_empty() {
                return Err(format!("`{}` has no address outside", name.as_str()).into());
            }
            let addresses: Addrs = Box::new(allowed.into_iter());
            Ok(addresses)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_the_hmac_of_what_is_sent_and_when() {
        // printf 'F-1.high.7.{}' | openssl dgst -sha256 -hmac key
        assert_eq!(
            signature(b"key", "F-1.high", 7, b"{}"),
            "sha256=7b1c72c2034d4d819353706b03e87f4186abfafa31d1c0b7af581d4f104ff29f"
        );
    }

    #[test]
    fn addresses_inside_are_refused_in_every_way_they_can_be_written() {
        let folder = tempfile::tempdir().unwrap();
        let secret = Secret::at(&folder.path().join("secret")).unwrap();
        let made = |url: &str, private| {
            let setting = config::Webhook {
                name: "soc".to_owned(),
                url: url.to_owned(),
                min_severity: Severity::Medium,
            };
            Webhook::new(&setting, secret.clone(), private)
        };
        for url in [
            "http://127.0.0.1/",
            "http://2130706433/",
            "http://0x7f.1/",
            "http://10.0.0.1:8080/",
            "http://169.254.169.254/latest",
            "http://[::1]/",
            "http://[::ffff:127.0.0.1]/",
            "http://[fd00::1]/",
        ] {
            assert!(made(url, false).is_err(), "{url}");
            assert!(made(url, true).is_ok(), "{url}");
        }
        assert!(made("https://192.0.2.1/", false).is_ok());
    }
}

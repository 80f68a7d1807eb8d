//! The handle on the Docker engine: every call has a limit, a typed error, and a retry where that can help.

use std::fmt::Display;
use std::future::Future;
use std::time::Duration;

use bollard::errors::Error as Raw;

use crate::error::Error;
use crate::mac;

/// Limits of single calls (deploy.md §8.2).
pub(crate) mod limit {
    use std::time::Duration;

    pub(crate) const LOOK: Duration = Duration::from_secs(10);
    pub(crate) const ACT: Duration = Duration::from_secs(60);
    pub(crate) const BUILD: Duration = Duration::from_secs(30 * 60);
    /// Silence of a stream that should be saying something.
    pub(crate) const STREAM_IDLE: Duration = Duration::from_secs(5 * 60);
}

/// Waits before the second and third attempt of a call that failed for a passing reason.
const RETRIES: [Duration; 2] = [Duration::from_secs(5), Duration::from_secs(10)];

const DEFAULT_HOST: &str = "unix:///var/run/docker.sock";
/// Private cgroup namespaces came with this version.
const FLOOR: &str = "1.41";
/// From here on an endpoint's own MAC address counts.
const ENDPOINT_MAC: (u32, u32) = (1, 44);

#[derive(Clone, Debug)]
pub struct Docker {
    pub(crate) api: bollard::Docker,
    at: String,
    version: (u32, u32),
}

// === impl Docker ===

impl Docker {
    /// Connects to `DOCKER_HOST`, or to the local socket.
    pub async fn connect() -> Result<Self, Error> {
        let at = std::env::var("DOCKER_HOST")
            .ok()
            .filter(|host| !host.is_empty())
            .unwrap_or(DEFAULT_HOST.to_owned());
        Self::connect_to(&at).await
    }

    pub async fn connect_to(at: &str) -> Result<Self, Error> {
        let unreachable = |reason: String| Error::Unreachable {
            at: at.to_owned(),
            reason,
        };
        if let Some(path) = at.strip_prefix("unix://") {
            reach(path).await.map_err(|e| match e.kind() {
                std::io::ErrorKind::PermissionDenied => Error::Denied { at: at.to_owned() },
                std::io::ErrorKind::NotFound => unreachable("there is no such socket".to_owned()),
                _ => unreachable(e.to_string()),
            })?;
        }
        let api = bollard::Docker::connect_with_host(at).map_err(|e| unreachable(e.to_string()))?;
        let version = tokio::time::timeout(limit::LOOK, api.version())
            .await
            .map_err(|_| unreachable("no answer".to_owned()))?
            .map_err(|e| unreachable(e.to_string()))?;
        let spoken = version.api_version.unwrap_or_default();
        let number = parse_version(&spoken)
            .filter(|&v| Some(v) >= parse_version(FLOOR))
            .ok_or_else(|| Error::TooOld {
                at: at.to_owned(),
                version: version.version.unwrap_or_default(),
                floor: FLOOR,
            })?;
        let api = if number < ENDPOINT_MAC {
            api.with_request_modifier(mac::modifier)
        } else {
            api
        };
        Ok(Self {
            api,
            at: at.to_owned(),
            version: number,
        })
    }

    /// Whether the MAC address belongs on the endpoint; otherwise the label does it (see `mac`).
    pub(crate) fn takes_endpoint_mac(&self) -> bool {
        self.version >= ENDPOINT_MAC
    }

    /// Runs a call that can be repeated without harm, up to three times when the cause may pass.
    pub(crate) async fn call<T, F>(
        &self,
        doing: impl Display,
        limit: Duration,
        attempt: impl Fn() -> F,
    ) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Raw>>,
    {
        let doing = doing.to_string();
        let mut retries = RETRIES.iter();
        loop {
            match self.once(&doing, limit, attempt()).await {
                Err(error) if error.is_transient() => match retries.next() {
                    Some(wait) => {
                        tracing::warn!(%error, "trying again in {} s", wait.as_secs());
                        tokio::time::sleep(*wait).await;
                    }
                    None => return Err(error),
                },
                done => return done,
            }
        }
    }

    /// Runs a call once.
    pub(crate) async fn once<T>(
        &self,
        doing: impl Display,
        limit: Duration,
        attempt: impl Future<Output = Result<T, Raw>>,
    ) -> Result<T, Error> {
        match tokio::time::timeout(limit, attempt).await {
            Ok(done) => done.map_err(|raw| self.explain(&doing, raw)),
            Err(_) => Err(Error::TimedOut {
                doing: doing.to_string(),
                limit,
            }),
        }
    }

    pub(crate) fn explain(&self, doing: impl Display, raw: Raw) -> Error {
        let doing = doing.to_string();
        match raw {
            Raw::DockerResponseServerError { status_code, message } => Error::Docker {
                doing,
                status: status_code,
                message,
            },
            Raw::RequestTimeoutError => Error::TimedOut {
                doing,
                limit: self.api.timeout(),
            },
            Raw::HyperLegacyError { err } if err.is_connect() => Error::Unreachable {
                at: self.at.clone(),
                reason: root_cause(&err),
            },
            Raw::HyperLegacyError { .. } | Raw::HyperResponseError { .. } | Raw::IOError { .. } => Error::Transport {
                doing,
                reason: root_cause(&raw),
            },
            other => Error::Answer {
                doing,
                reason: root_cause(&other),
            },
        }
    }
}

async fn reach(path: &str) -> std::io::Result<()> {
    tokio::net::UnixStream::connect(path).await.map(drop)
}

fn root_cause(error: &dyn std::error::Error) -> String {
    let mut deepest = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    deepest.to_string()
}

fn parse_version(text: &str) -> Option<(u32, u32)> {
    let (major, minor) = text.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_as_numbers() {
        assert!(parse_version("1.9") < parse_version("1.41"));
        assert!(parse_version("1.41") < Some(ENDPOINT_MAC));
        assert_eq!(parse_version("x"), None);
    }

    #[tokio::test]
    async fn without_a_daemon_the_error_says_how_to_start_it() {
        let error = Docker::connect_to("unix:///nonexistent/docker.sock").await.unwrap_err();
        assert!(error.to_string().contains("systemctl start docker"), "{error}");
    }
}

use std::io;
use std::path::PathBuf;

/// Why nobody can be told as the settings say.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the webhook `{url}` cannot be: {reason}")]
    Webhook { url: String, reason: String },
    #[error("the mail settings cannot be: {0}")]
    Mail(String),
    #[error(transparent)]
    Syslog(#[from] siem::Error),
    #[error("{} is told of findings, but nothing of that kind is set up; see the settings `{}.*`", .0, .1)]
    Nobody(String, String),
    #[error("isolation cannot be: {0}")]
    Isolate(String),
    #[error("cannot use {}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("the HTTP client cannot be set up: {0}")]
    Http(#[from] reqwest::Error),
    #[error(transparent)]
    Store(#[from] store::Error),
}

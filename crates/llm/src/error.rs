/// Why a model wrote nothing.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("`{url}` is no address of a model: {reason}")]
    Address { url: String, reason: String },
    #[error("the HTTP client cannot be set up: {0}")]
    Client(reqwest::Error),
    #[error("the model cannot be reached: {0}")]
    Offline(String),
    #[error("the model took longer than it may")]
    Timeout,
    #[error("the model's answer is of no use: {0}")]
    Answer(&'static str),
    #[error("the model answers {0}")]
    Status(u16),
}

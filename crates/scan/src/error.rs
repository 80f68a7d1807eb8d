//! Why an input could not be read, with the code programs go by (detect.md §13).

use std::io;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{file} does not exist")]
    NotFound { file: String },
    #[error("{file} is a directory")]
    IsDirectory { file: String },
    #[error("{file} may not be read by this user")]
    PermissionDenied { file: String },
    #[error("{file} is empty")]
    Empty { file: String },
    #[error("{file} ends within its header: {what}")]
    TruncatedHeader { file: String, what: String },
    #[error("{file} is no capture, log or record known here: {what}")]
    BadMagic { file: String, what: String },
    #[error("{file} is broken before its first packet: {what}")]
    CorruptCapture { file: String, what: String },
    #[error("{file}: no packet is of a link type that can be read")]
    UnsupportedLinktype { file: String },
    #[error("{file}: not one line could be read")]
    NoLines { file: String },
    #[error("{file} unpacks to more than is taken")]
    DecompressionLimit { file: String },
    #[error("{file}: {warning}, and --strict was asked for")]
    Strict { file: String, warning: String },
    #[error("{what}; capturing needs CAP_NET_RAW: run it as root")]
    Capture { what: String },
    #[error("there is no interface {wanted}; --list-interfaces shows those there are")]
    NoInterface { wanted: String },
    #[error("cannot read {file}: {source}")]
    Io { file: String, source: io::Error },
    #[error("{0}")]
    Settings(#[from] detect::Error),
}

// === impl Error ===

impl Error {
    /// Stable, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => "not_found",
            Self::IsDirectory { .. } => "is_directory",
            Self::PermissionDenied { .. } => "permission_denied",
            Self::Empty { .. } => "empty_file",
            Self::TruncatedHeader { .. } => "truncated_header",
            Self::BadMagic { .. } => "bad_magic",
            Self::CorruptCapture { .. } => "corrupt_capture",
            Self::UnsupportedLinktype { .. } => "unsupported_linktype",
            Self::NoLines { .. } => "no_lines",
            Self::DecompressionLimit { .. } => "decompression_limit",
            Self::Strict { .. } => "strict",
            Self::Capture { .. } => "capture",
            Self::NoInterface { .. } => "no_interface",
            Self::Io { .. } => "io",
            Self::Settings(_) => "configuration",
        }
    }

    /// The input it is about.
    pub fn file(&self) -> Option<&str> {
        match self {
            Self::NotFound { file }
            | Self::IsDirectory { file }
            | Self::PermissionDenied { file }
            | Self::Empty { file }
            | Self::TruncatedHeader { file, .. }
            | Self::BadMagic { file, .. }
            | Self::CorruptCapture { file, .. }
            | Self::UnsupportedLinktype { file }
            | Self::NoLines { file }
            | Self::DecompressionLimit { file }
            | Self::Strict { file, .. }
            | Self::Io { file, .. } => Some(file),
            Self::Capture { .. } | Self::NoInterface { .. } | Self::Settings(_) => None,
        }
    }

    pub(crate) fn io(file: &str, source: io::Error) -> Self {
        let file = file.to_owned();
        match source.kind() {
            io::ErrorKind::NotFound => Self::NotFound { file },
            io::ErrorKind::IsADirectory => Self::IsDirectory { file },
            io::ErrorKind::PermissionDenied => Self::PermissionDenied { file },
            _ if source.to_string() == crate::open::LIMIT => Self::DecompressionLimit { file },
            _ => Self::Io { file, source },
        }
    }
}

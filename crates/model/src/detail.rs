//! Typed views of an event's fields, one struct per kind (names: decoys.md §2.4, §2.5, §5).
//!
//! A service may report kinds of its own; the ones here are those other parts of the grid act upon.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as B64;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::event::Fields;

/// The fields of one kind of event.
pub trait Detail: Serialize + DeserializeOwned {
    const KIND: &'static str;

    fn into_fields(self) -> Fields {
        match serde_json::to_value(self) {
            Ok(Value::Object(fields)) => fields,
            _ => Fields::new(),
        }
    }

    fn from_fields(fields: Fields) -> Result<Self, serde_json::Error> {
        serde_json::from_value(Value::Object(fields))
    }
}

macro_rules! details {
    ($($(#[$doc:meta])* $kind:literal $name:ident { $($(#[$attr:meta])* $field:ident : $ty:ty),* $(,)? })*) => {
        $($(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        pub struct $name { $($(#[$attr])* pub $field: $ty),* }
        impl Detail for $name { const KIND: &'static str = $kind; })*
    };
}

details! {
    /// A peer reached a listener.
    "connect" Connect { }
    "disconnect" Disconnect { duration_ms: u64, bytes_in: u64, bytes_out: u64 }
    /// One try to prove an identity. Every try is one event, with its outcome (decoys.md W-18).
    "auth_attempt" Login {
        /// User, DN, `domain\user`, mail address; absent for secret-only mechanisms.
        #[serde(default, skip_serializing_if = "Option::is_none")] principal: Option<String>,
        /// Protocol's name for the way: `password`, `keyboard-interactive`, `publickey`, `basic`, ...
        method: Cow<'static, str>,
        #[serde(flatten)] secret: Secret,
        outcome: Outcome,
    }
    /// A line the peer had executed.
    "command" Command {
        command: String,
        #[serde(default, skip_serializing_if = "Option::is_none")] user: Option<String>,
    }
    /// A shell, exec or file-transfer session began. Its id is the report's session with `:n` for the n-th channel.
    "session_start" SessionStart {
        sid: String,
        /// `shell`, `exec`, `sftp`, `scp`.
        mode: Cow<'static, str>,
        user: String,
        #[serde(default)] term: String,
        cols: u16,
        rows: u16,
        #[serde(default, skip_serializing_if = "Option::is_none")] command: Option<String>,
    }
    "session_end" SessionEnd {
        sid: String,
        duration_ms: u64,
        bytes: u64,
        /// Recording stopped at its limit; the session itself went on.
        truncated: bool,
        #[serde(default, skip_serializing_if = "Option::is_none")] exit_status: Option<i32>,
        /// `exit`, `signal`, `disconnect`, `timeout`.
        reason: Cow<'static, str>,
    }
    /// A piece of a session's recording, in order of `n` from 0.
    "tty" Tty {
        sid: String,
        n: u64,
        /// Microseconds since the session began.
        t_us: u64,
        /// `i` typed, `o` shown, `r` resized (`COLSxROWS`).
        ch: Cow<'static, str>,
        /// Bytes that are not UTF-8 are written as U+0000..U+00FF of their value.
        data: String,
        /// The terminal did not echo this input (a password prompt).
        #[serde(default, skip_serializing_if = "std::ops::Not::not")] hidden: bool,
    }
    /// The bytes of a file the peer brought or made; the blob of that hash precedes this event on the line.
    "file_captured" FileCaptured {
        sha256: String,
        size: u64,
        path: String,
        /// `upload`, `write`, `body`.
        way: Cow<'static, str>,
        #[serde(default, skip_serializing_if = "Option::is_none")] user: Option<String>,
    }
    /// The wall stopped a new flow out of the machine.
    "egress_blocked" EgressBlocked { proto: Cow<'static, str>, dst_ip: std::net::IpAddr, dst_port: u16, packets: u64 }
    /// A service process is listening on its ports.
    "startup" Startup { ports: Vec<u16>, product: String }
    "shutdown" Shutdown { }
    /// The service process fell over.
    "service_died" ServiceDied { status: String, restart_in_ms: u64 }
    /// Somebody in the machine ended the service process.
    "service_killed" ServiceKilled { status: String, restart_in_ms: u64 }
    /// Somebody in the machine sent its first process a signal. It was not obeyed.
    "init_signal" InitSignal { signal: Cow<'static, str>, pid: u32, uid: u32 }
    /// Somebody in the machine replaced the program it starts with. It was put back.
    "init_replaced" InitReplaced { }
    /// Something of the spec could not be made so.
    "config_error" ConfigError { key: String, error: String }
    /// Bytes no reading of the protocol allows.
    "protocol_error" ProtocolError { reason: Cow<'static, str>, data_b64: String }
}

/// What was tried, exactly (decoys.md §2.5).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secret {
    pub secret_kind: Cow<'static, str>,
    /// ASCII 0x20-0x7E as is, anything else `?`, at most 512 characters.
    pub secret_printable: String,
    /// Standard base64 of the exact bytes, of at most `Secret::MAX` of them.
    pub secret_b64: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Success,
    Failure,
}

// === impl Secret ===

impl Secret {
    pub const MAX: usize = 2048;
    /// Kind of a try that came without a secret, as when SSH is asked which ways in there are.
    pub const NONE: &str = "none";

    pub fn plaintext(bytes: &[u8]) -> Self {
        Self::of("plaintext", bytes)
    }

    pub fn of(kind: &'static str, bytes: &[u8]) -> Self {
        let bytes = &bytes[..bytes.len().min(Self::MAX)];
        let printable = bytes
            .iter()
            .take(512)
            .map(|&b| if (0x20..0x7f).contains(&b) { b as char } else { '?' })
            .collect();
        Self {
            secret_kind: kind.into(),
            secret_printable: printable,
            secret_b64: B64.encode(bytes),
        }
    }

    /// The exact bytes, when the base64 is sound.
    pub fn bytes(&self) -> Option<Vec<u8>> {
        B64.decode(&self.secret_b64).ok()
    }
}

impl std::fmt::Debug for Secret {
    /// Never shows the secret: this ends up in logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Secret({}, {} bytes)",
            self.secret_kind,
            self.secret_b64.len() * 3 / 4
        )
    }
}

impl From<bool> for Outcome {
    fn from(success: bool) -> Self {
        if success { Self::Success } else { Self::Failure }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_survives_the_fields_and_keeps_hostile_bytes() {
        let login = Login {
            principal: Some("root".into()),
            method: "password".into(),
            secret: Secret::plaintext(b"a\r\n\xff]\""),
            outcome: Outcome::Failure,
        };
        let fields = login.clone().into_fields();
        assert_eq!(fields["secret_printable"], "a???]\"");
        assert_eq!(fields["outcome"], "failure");
        assert_eq!(Login::from_fields(fields).unwrap(), login);
        assert_eq!(login.secret.bytes().unwrap(), b"a\r\n\xff]\"");
    }

    #[test]
    fn a_secret_does_not_show_in_debug_output() {
        assert!(!format!("{:?}", Secret::plaintext(b"hunter2")).contains("hunter2"));
    }
}

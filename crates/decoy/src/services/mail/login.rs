//! Who may log in to mail.

use std::sync::Arc;
use std::time::Duration;

use model::machine::ServiceSpec;

use crate::machine::{Account, Machine};

/// How long a login takes that fails.
pub(in crate::services) const FAILURE: Duration = Duration::from_secs(2);
/// Longer names are nobody's.
const MAX_NAME: usize = 256;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::services) enum Policy {
    Accounts,
    Never,
    Always,
}

// === impl Policy ===

impl Policy {
    pub(in crate::services) fn of(spec: &ServiceSpec) -> Result<Self, String> {
        match spec.text("login_mode") {
            None | Some("accounts") => Ok(Self::Accounts),
            Some("never") => Ok(Self::Never),
            Some("always") => Ok(Self::Always),
            Some(other) => Err(format!("login_mode is {other:?}; it can be accounts, never or always")),
        }
    }

    /// The account that login comes to, if any. Names are the same in any case.
    pub(in crate::services) async fn admit(
        self,
        machine: &Arc<Machine>,
        user: &[u8],
        password: &[u8],
    ) -> Option<Account> {
        let name = std::str::from_utf8(user).ok()?.to_lowercase();
        if name.is_empty() || name.len() > MAX_NAME {
            return None;
        }
        match self {
            Self::Never => None,
            Self::Always => machine
                .account(&name)
                .filter(|account| account.uid != 0)
                .or_else(|| machine.account("nobody")),
            Self::Accounts => {
                let (machine, password) = (machine.clone(), password.to_vec());
                // Hashing takes long enough to hold up the others.
                let checking = move || machine.login(&name, &password);
                tokio::task::spawn_blocking(checking).await.ok().flatten()
            }
        }
    }
}

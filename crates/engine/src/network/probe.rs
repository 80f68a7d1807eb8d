//! Asking a segment who has an address, before we take it.

use std::net::Ipv4Addr;
use std::time::Duration;

use super::host::Host;
use crate::error::Error;

/// How long a machine on the segment may take to answer for its address.
const PATIENCE: Duration = Duration::from_millis(600);

/// Those of `candidates` something answers for on `interface`.
///
/// The kernel is made to resolve each address as if it had something to send; nothing is sent but ARP.
pub(crate) async fn answering(host: &Host, interface: &str, candidates: &[Ipv4Addr]) -> Result<Vec<Ipv4Addr>, Error> {
    let index = host.view().await?.index(interface)?;
    for candidate in candidates {
        host.resolve(index, *candidate).await?;
    }
    tokio::time::sleep(PATIENCE).await;
    let known = host.neighbours(index).await?;
    Ok(candidates
        .iter()
        .copied()
        .filter(|candidate| known.contains(candidate))
        .collect())
}

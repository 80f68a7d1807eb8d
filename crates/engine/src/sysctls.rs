//! Which kernel settings a machine can have of its own on this kernel.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::body;
use crate::error::Error;
use crate::netns;

/// The settings of `wanted`, and those every machine gets, that a fresh network namespace here accepts.
///
/// One the kernel lacks is left out with a warning: a machine that is a little off beats none.
pub(crate) async fn supported(wanted: &BTreeMap<String, String>) -> Result<BTreeMap<String, String>, Error> {
    let mut all: BTreeMap<String, String> = body::SYSCTLS
        .iter()
        .map(|&(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    all.extend(wanted.iter().map(|(key, value)| (key.clone(), value.clone())));
    let tried = netns::in_a_new_one(move || {
        Ok(all
            .into_iter()
            .map(|(key, value)| (std::fs::write(path(&key), &value), key, value))
            .collect::<Vec<_>>())
    })
    .await
    .map_err(Error::io(
        "trying the kernel settings in a network namespace of their own",
    ))?;
    Ok(tried
        .into_iter()
        .filter_map(|(outcome, key, value)| match outcome {
            Ok(()) => Some((key, value)),
            Err(error) => {
                tracing::warn!(%key, %value, %error, "this kernel has no such setting for one machine alone: left out");
                None
            }
        })
        .collect())
}

fn path(key: &str) -> PathBuf {
    // A `/` in a name stands for a `.` in a link's name.
    PathBuf::from("/proc/sys").join(key.replace('.', "/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_setting_the_kernel_lacks_is_left_out_and_the_hosts_own_stays() {
        let before = std::fs::read_to_string("/proc/sys/net/ipv4/ip_default_ttl").unwrap();
        let wanted = [("net.ipv4.ip_default_ttl", "128"), ("net.ipv4.no_such_thing", "1")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()));
        let got = supported(&wanted.into()).await.unwrap();
        assert_eq!(got["net.ipv4.ip_default_ttl"], "128");
        assert!(!got.contains_key("net.ipv4.no_such_thing"));
        assert_eq!(
            std::fs::read_to_string("/proc/sys/net/ipv4/ip_default_ttl").unwrap(),
            before
        );
    }
}

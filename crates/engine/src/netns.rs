//! Working inside a machine's network namespace from outside.
//!
//! A namespace is a property of a thread, so each visit is a thread of its own that ends with the visit; programs it
//! starts and sockets it opens belong to the namespace.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd as _, RawFd};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;

use model::machine::{Port, Proto};
use nix::sched::{CloneFlags, setns, unshare};

#[derive(Clone, Debug)]
pub(crate) struct NetNs(Arc<File>);

// === impl NetNs ===

impl NetNs {
    /// Opens the namespace at `path`; refuses the one we are in ourselves, which must never get a machine's rules.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let there = File::open(path)?;
        let (ours, theirs) = (std::fs::metadata("/proc/self/ns/net")?, there.metadata()?);
        if (ours.dev(), ours.ino()) == (theirs.dev(), theirs.ino()) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "this is the host's own network namespace",
            ));
        }
        Ok(Self(Arc::new(there)))
    }

    /// A new, empty namespace, gone with the last copy of the handle and the last socket made in it.
    pub(crate) async fn fresh() -> io::Result<Self> {
        let opened = in_a_new_one(|| File::open("/proc/thread-self/ns/net")).await?;
        Ok(Self(Arc::new(opened)))
    }

    /// Tells this namespace from others; a restarted machine has another.
    pub(crate) fn identity(&self) -> io::Result<(u64, u64)> {
        let meta = self.0.metadata()?;
        Ok((meta.dev(), meta.ino()))
    }

    pub(crate) fn descriptor(&self) -> RawFd {
        self.0.as_raw_fd()
    }

    pub(crate) async fn visit<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let namespace = self.0.clone();
        on_own_thread(move || {
            setns(&*namespace, CloneFlags::CLONE_NEWNET)?;
            work()
        })
        .await
    }

    /// How many sockets of each kind there are, as `/proc/net/sockstat*` counts them. As long as it stays the same nothing
    /// was opened, which spares [`Self::listening`]: for that the kernel walks its whole table of connections.
    pub(crate) async fn socket_counts(&self) -> io::Result<Vec<String>> {
        self.visit(|| {
            let read = |file| std::fs::read_to_string(Path::new("/proc/thread-self/net").join(file));
            // A kernel without IPv6 has no `sockstat6`.
            let text = read("sockstat")? + &read("sockstat6").unwrap_or_default();
            Ok(in_use(&text).map(str::to_owned).collect())
        })
        .await
    }

    /// The ports something listens on (TCP) or is bound to (UDP), on any address but loopback.
    ///
    /// Read from the kernel's tables: a probe by connecting would be an event no attacker caused.
    pub(crate) async fn listening(&self) -> io::Result<BTreeSet<Port>> {
        self.visit(|| {
            let mut ports = BTreeSet::new();
            for (table, proto, state) in TABLES {
                // A kernel without IPv6 has no `tcp6`.
                let text = std::fs::read_to_string(Path::new("/proc/thread-self/net").join(table)).unwrap_or_default();
                ports.extend(bound(&text, state).map(|port| Port {
                    port,
                    proto,
                    tls: false,
                }));
            }
            Ok(ports)
        })
        .await
    }
}

/// Runs `work` in a new, empty network namespace that ends with it.
pub(crate) async fn in_a_new_one<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    on_own_thread(move || {
        unshare(CloneFlags::CLONE_NEWNET)?;
        work()
    })
    .await
}

async fn on_own_thread<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    let (tell, told) = tokio::sync::oneshot::channel();
    std::thread::Builder::new()
        .name("netns".to_owned())
        .spawn(move || tell.send(work()))?;
    told.await
        .unwrap_or_else(|_| Err(io::Error::other("the namespace thread ended early")))
}

/// Kernel tables with the state that means "open": LISTEN for TCP, unconnected for UDP.
const TABLES: [(&str, Proto, &str); 4] = [
    ("tcp", Proto::Tcp, "0A"),
    ("tcp6", Proto::Tcp, "0A"),
    ("udp", Proto::Udp, "07"),
    ("udp6", Proto::Udp, "07"),
];

/// The words after `inuse`; the other counts of a line are those of the whole host.
fn in_use(sockstat: &str) -> impl Iterator<Item = &str> {
    sockstat
        .lines()
        .filter_map(|line| line.split_once(" inuse ")?.1.split_ascii_whitespace().next())
}

/// Local ports of the rows of a `/proc/net/{tcp,udp}*` table that are in `state` and not on loopback.
fn bound<'a>(table: &'a str, state: &'a str) -> impl Iterator<Item = u16> + 'a {
    table.lines().skip(1).filter_map(move |row| {
        let mut columns = row.split_ascii_whitespace();
        let (address, port) = columns.nth(1)?.split_once(':')?;
        // Written as the machine's own word: the first byte comes last.
        let is_loopback = address.len() == 8 && address.ends_with("7F");
        (columns.nth(1)? == state && !is_loopback).then(|| u16::from_str_radix(port, 16).ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listeners_off_loopback_are_counted() {
        let table = "  sl  local_address rem_address   st tx_queue\n\
            0: 00000000:0016 00000000:0000 0A 0\n\
            1: 0B00007F:A1B2 00000000:0000 0A 0\n\
            2: 0100000A:0050 0200000A:C001 01 0\n\
            garbage\n";
        assert_eq!(bound(table, "0A").collect::<Vec<_>>(), [22]);
    }

    #[test]
    fn sockets_in_use_are_counted_and_those_of_the_whole_host_are_not() {
        let sockstat = "sockets: used 77\nTCP: inuse 5 orphan 0 tw 0 alloc 9 mem 1\nFRAG: inuse 0 memory 0\n";
        assert_eq!(in_use(sockstat).collect::<Vec<_>>(), ["5", "0"]);
    }

    #[tokio::test]
    async fn the_hosts_own_namespace_is_refused() {
        assert!(NetNs::open(Path::new("/proc/self/ns/net")).is_err());
    }

    #[tokio::test]
    async fn a_new_namespace_has_no_links_but_loopback() {
        let links = in_a_new_one(|| std::fs::read_to_string("/proc/thread-self/net/dev"))
            .await
            .unwrap();
        assert!(links.contains("lo:") && !links.contains("eth"), "{links}");
    }
}

//! Which network announces an address: the dumps of iptoasn.com as they are published (intel.md §11.2).

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::Serialize;

use crate::ranges::Ranges;

/// What is looked for in a directory; any of them will do.
pub const FILES: [&str; 4] = ["ip2asn-v4.tsv", "ip2asn-v4.tsv.gz", "ip2asn-v6.tsv", "ip2asn-v6.tsv.gz"];
/// Characters of a network's name.
const NAME: usize = 128;
/// Bytes of a line.
const LINE: u64 = 64 * 1_024;

/// Addresses to the networks that announce them.
#[derive(Clone, Debug, Default)]
pub struct Asns {
    v4: Ranges<u32>,
    v6: Ranges<u128>,
    names: HashMap<u32, Box<str>>,
}

/// The network of an address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Network {
    pub asn: u32,
    pub name: Option<String>,
    /// The widest block around the address inside the announced range.
    pub prefix: IpNet,
}

/// What came of reading.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    /// Those that were there.
    pub files: Vec<PathBuf>,
    /// Lines that are none of the format.
    pub skipped: u64,
}

#[derive(Debug, thiserror::Error)]
#[error("cannot read the networks in {path}: {source}")]
pub struct Error {
    pub path: PathBuf,
    pub source: io::Error,
}

/// Lines read so far.
#[derive(Default)]
struct Lines {
    v4: Vec<(u32, u32, u32)>,
    v6: Vec<(u128, u128, u32)>,
    names: HashMap<u32, Box<str>>,
    skipped: u64,
}

// === impl Asns ===

impl Asns {
    /// Whatever of [`FILES`] is in this directory; nothing there is no error.
    pub fn load(directory: &Path) -> Result<(Self, Loaded), Error> {
        let mut lines = Lines::default();
        let mut read = Loaded::default();
        for path in FILES.map(|name| directory.join(name)) {
            let fail = |source| Error {
                path: path.clone(),
                source,
            };
            let file = match File::open(&path) {
                Ok(file) => BufReader::new(file),
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(fail(error)),
            };
            if path.extension().is_some_and(|extension| extension == "gz") {
                lines.read(BufReader::new(MultiGzDecoder::new(file))).map_err(fail)?;
            } else {
                lines.read(file).map_err(fail)?;
            }
            read.files.push(path);
        }
        read.skipped = lines.skipped;
        Ok((Self::from(lines), read))
    }

    pub fn of(&self, address: IpAddr) -> Option<Network> {
        let (asn, prefix) = match address.to_canonical() {
            IpAddr::V4(v4) => {
                let at = v4.to_bits();
                let range = self.v4.around(at)?;
                let length = widest(at.into(), range.start.into(), range.end.into(), 32);
                (range.value, Ipv4Net::new(v4, length).ok()?.trunc().into())
            }
            IpAddr::V6(v6) => {
                let at = v6.to_bits();
                let range = self.v6.around(at)?;
                let length = widest(at, range.start, range.end, 128);
                (range.value, Ipv6Net::new(v6, length).ok()?.trunc().into())
            }
        };
        let name = self.names.get(&asn).map(ToString::to_string);
        Some(Network { asn, name, prefix })
    }

    /// Ranges known.
    pub fn len(&self) -> usize {
        self.v4.len() + self.v6.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl From<Lines> for Asns {
    fn from(lines: Lines) -> Self {
        Self {
            v4: Ranges::new(lines.v4),
            v6: Ranges::new(lines.v6),
            names: lines.names,
        }
    }
}

// === impl Lines ===

impl Lines {
    fn read(&mut self, mut from: impl BufRead) -> io::Result<()> {
        let mut line = Vec::new();
        loop {
            line.clear();
            if io::Read::take(&mut from, LINE).read_until(b'\n', &mut line)? == 0 {
                return Ok(());
            }
            let text = String::from_utf8_lossy(&line);
            let text = text.trim();
            if !text.is_empty() && !text.starts_with('#') && self.take(text).is_none() {
                self.skipped += 1;
            }
        }
    }

    /// None when it is no line of the format.
    fn take(&mut self, line: &str) -> Option<()> {
        let mut columns = line.split('\t').map(str::trim);
        let (start, end) = (columns.next()?.parse().ok()?, columns.next()?.parse().ok()?);
        let asn: u32 = columns.next()?.parse().ok()?;
        // Nobody announces it.
        if asn == 0 {
            return Some(());
        }
        match (start, end) {
            (IpAddr::V4(start), IpAddr::V4(end)) if start <= end => {
                self.v4.push((Ipv4Addr::to_bits(start), Ipv4Addr::to_bits(end), asn));
            }
            (IpAddr::V6(start), IpAddr::V6(end)) if start <= end => {
                self.v6.push((Ipv6Addr::to_bits(start), Ipv6Addr::to_bits(end), asn));
            }
            _ => return None,
        }
        // The country, which is the registrant's and says nothing of the address, comes first.
        if let Some(name) = columns.nth(1).filter(|name| !name.is_empty()) {
            let name = || name.chars().take(NAME).collect::<String>().into_boxed_str();
            self.names.entry(asn).or_insert_with(name);
        }
        Some(())
    }
}

/// Bits of the widest aligned block around `at` that leaves `start..=end` nowhere.
fn widest(at: u128, start: u128, end: u128, bits: u8) -> u8 {
    let fits = |length: &u8| {
        let host = bits - length;
        let mask = u128::MAX.checked_shl(host.into()).map_or(u128::MAX, |high| !high);
        at & !mask >= start && at | mask <= end
    };
    (0..bits).find(fits).unwrap_or(bits)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    const V4: &str = "1.0.0.0\t1.0.0.191\t13335\tUS\tCLOUDFLARENET\n\
        1.0.1.0\t1.0.3.255\t0\tNone\tNot routed\n\
        8.8.8.8\t8.8.8.8\t15169\tUS\t\r\n";

    fn network(asns: &Asns, address: &str) -> Option<(u32, Option<String>, String)> {
        let found = asns.of(address.parse().unwrap())?;
        Some((found.asn, found.name, found.prefix.to_string()))
    }

    fn of(text: &str) -> (Asns, u64) {
        let mut lines = Lines::default();
        lines.read(text.as_bytes()).unwrap();
        let skipped = lines.skipped;
        (lines.into(), skipped)
    }

    #[test]
    fn an_address_is_in_the_widest_block_of_its_range() {
        let (asns, skipped) = of(V4);
        let cloudflare = |prefix: &str| Some((13_335, Some("CLOUDFLARENET".to_owned()), prefix.to_owned()));
        assert_eq!(network(&asns, "1.0.0.5"), cloudflare("1.0.0.0/25"));
        assert_eq!(network(&asns, "1.0.0.130"), cloudflare("1.0.0.128/26"));
        assert_eq!(network(&asns, "::ffff:1.0.0.5"), cloudflare("1.0.0.0/25"));
        assert_eq!(
            network(&asns, "8.8.8.8"),
            Some((15_169, None, "8.8.8.8/32".to_owned())),
            "without a name"
        );
        assert_eq!(skipped, 0);
    }

    #[test]
    fn what_nobody_announces_is_in_no_network() {
        let (asns, _) = of(V4);
        for address in ["1.0.0.192", "1.0.2.1", "0.255.255.255", "8.8.8.9", "2001:db8::1"] {
            assert_eq!(network(&asns, address), None, "{address}");
        }
        assert_eq!(asns.len(), 2);
    }

    #[test]
    fn the_whole_of_either_kind_of_address_is_a_range_too() {
        let (asns, _) = of("0.0.0.0\t255.255.255.255\t1\n::\tffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff\t2\n");
        assert_eq!(network(&asns, "9.9.9.9").unwrap().2, "0.0.0.0/0");
        assert_eq!(network(&asns, "2001:db8::1").unwrap().2, "::/0");
    }

    #[test]
    fn lines_that_are_none_are_counted_and_the_others_kept() {
        let (asns, skipped) = of("not a line\n1.2.3.4\t1.2.3.4\n1.2.3.4\tx\t5\n1.2.3.4\t1.2.3.3\t5\n\
             1.2.3.4\t::1\t5\n1.2.3.4\t1.2.3.4\t4294967296\n\n# a comment\n5.6.7.0\t5.6.7.255\t7\n");
        assert_eq!((asns.len(), skipped), (1, 6));
    }

    #[test]
    fn files_are_read_plain_or_compressed_and_need_not_be_there() {
        let directory = tempfile::tempdir().unwrap();
        let (nothing, read) = Asns::load(directory.path()).unwrap();
        assert!(nothing.is_empty() && read == Loaded::default());

        std::fs::write(directory.path().join("ip2asn-v4.tsv"), V4).unwrap();
        let packed = File::create(directory.path().join("ip2asn-v6.tsv.gz")).unwrap();
        let mut packed = GzEncoder::new(packed, Compression::fast());
        packed
            .write_all(b"2001:db8::\t2001:db8:0:ffff:ffff:ffff:ffff:ffff\t64500\tZZ\tDOC\n")
            .unwrap();
        packed.finish().unwrap();
        let (asns, read) = Asns::load(directory.path()).unwrap();
        assert_eq!(read.files.len(), 2);
        assert_eq!(network(&asns, "2001:db8::1").unwrap().2, "2001:db8::/48");

        std::fs::write(directory.path().join("ip2asn-v4.tsv.gz"), "not compressed").unwrap();
        let error = Asns::load(directory.path()).unwrap_err().to_string();
        assert!(error.contains("ip2asn-v4.tsv.gz"), "{error}");
    }
}

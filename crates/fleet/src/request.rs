//! A fleet as an operator asks for it, from flags or from a file: what is not said here is planned.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use model::Name;
use model::fleet::Egress;

use crate::coerce::Given;
use crate::diagnostic::{Diagnostic, Place};

/// Everything asked for.
#[derive(Clone, Debug, Default)]
pub struct Request {
    pub deckies: Vec<Wanted>,
    pub options: Options,
}

/// What holds for the whole fleet.
#[derive(Clone, Debug)]
pub struct Options {
    /// Services and distros drawn at random follow from it; from the installation's secret when none is given.
    pub seed: Option<u64>,
    /// Short name of the site in host names, `ams`; drawn when none is given.
    pub site: Option<String>,
    /// DNS domain of every machine.
    pub domain: Option<String>,
    /// Name servers the machines claim to use; the gateway when none is given.
    pub resolvers: Vec<Ipv4Addr>,
    /// First address to give out.
    pub ip_start: Option<Ipv4Addr>,
    /// Sequential when none is given.
    pub ip_strategy: Option<IpStrategy>,
    /// Never given out, a DHCP server's pool.
    pub exclude: Vec<IpRange>,
    /// Take an address asked for by name although something answers there.
    pub force_ip: bool,
    /// Keep the deckies there are, beside those asked for.
    pub additive: bool,
    /// Most deckies of the fleet.
    pub limit: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IpStrategy {
    /// One after the other.
    #[default]
    Sequential,
    /// All over the subnet: twenty machines in a row are a tell.
    Scattered,
}

/// Both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IpRange {
    pub first: Ipv4Addr,
    pub last: Ipv4Addr,
}

/// One decky as asked for.
#[derive(Clone, Debug)]
pub struct Wanted {
    pub name: Name,
    pub services: Services,
    pub distros: Distros,
    pub archetype: Option<String>,
    /// Above the archetype's OS family.
    pub nmap_os: Option<String>,
    pub ip: Option<Ipv4Addr>,
    pub mac: Option<String>,
    /// With or without a domain.
    pub hostname: Option<String>,
    /// In the place of the name in what the machine's identity follows from.
    pub identity_seed: Option<String>,
    pub egress: Egress,
    /// Minutes.
    pub mutate_interval: Option<u32>,
    /// Settings by service slug, as they came.
    pub config: BTreeMap<String, Vec<Given>>,
    /// Where each key was said; `""` is the decky itself.
    pub places: BTreeMap<&'static str, Place>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Services {
    Named(Vec<String>),
    /// Those of the archetype.
    Archetype,
    /// One to three, drawn.
    Random,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Distros {
    /// Dealt in turn.
    Named(Vec<String>),
    /// Drawn from all.
    Random,
    /// The archetype's in turn, or all in the catalogue's order.
    Dealt,
}

/// A fleet of like deckies from the command line (deploy.md §5.2).
#[derive(Clone, Debug, Default)]
pub struct Flags {
    pub count: usize,
    pub services: Vec<String>,
    pub randomize_services: bool,
    pub distros: Vec<String>,
    pub randomize_distros: bool,
    pub archetype: Option<String>,
    pub nmap_os: Option<String>,
    pub egress: Egress,
    pub mutate_interval: Option<u32>,
}

// === impl Request ===

impl Request {
    /// `decky-01`, `decky-02` …; in an additive fleet the first numbers not `existing`.
    pub fn from_flags(flags: &Flags, options: Options, existing: &BTreeSet<Name>) -> Result<Self, Diagnostic> {
        if flags.count == 0 {
            return Err(Diagnostic::error("E_NO_DECKIES", "no deckies are asked for")
                .help("say how many with --deckies, or describe them in a file with --config"));
        }
        if flags.count > Options::MAX_LIMIT {
            return Err(Diagnostic::error(
                "E_LIMIT",
                format!(
                    "{} deckies are asked for; {} is the most",
                    flags.count,
                    Options::MAX_LIMIT
                ),
            )
            .help("ask for fewer"));
        }
        let services = match (&flags.services[..], &flags.archetype, flags.randomize_services) {
            ([_, ..], _, _) => Services::Named(flags.services.clone()),
            ([], Some(_), _) => Services::Archetype,
            ([], None, true) => Services::Random,
            ([], None, false) => {
                return Err(Diagnostic::error("E_NO_SERVICES", "nothing says what the deckies run")
                    .help("give --services, --archetype or --randomize-services"));
            }
        };
        let distros = match (&flags.distros[..], flags.randomize_distros) {
            ([_, ..], _) => Distros::Named(flags.distros.clone()),
            ([], true) => Distros::Random,
            ([], false) => Distros::Dealt,
        };
        let names = (1..).filter_map(|n: usize| Name::new(format!("decky-{n:02}")).ok());
        let names = names.filter(|name| !options.additive || !existing.contains(name));
        let deckies = names.take(flags.count).map(|name| Wanted {
            services: services.clone(),
            distros: distros.clone(),
            archetype: flags.archetype.clone(),
            nmap_os: flags.nmap_os.clone(),
            egress: flags.egress,
            mutate_interval: flags.mutate_interval,
            ..Wanted::named(name)
        });
        Ok(Self {
            deckies: deckies.collect(),
            options,
        })
    }
}

// === impl Options ===

impl Options {
    /// Deckies of a fleet where the operator does not insist.
    pub const LIMIT: usize = 10;
    /// Deckies of a fleet, at the very most.
    pub const MAX_LIMIT: usize = 500;
}

impl Default for Options {
    fn default() -> Self {
        Self {
            seed: None,
            site: None,
            domain: None,
            resolvers: Vec::new(),
            ip_start: None,
            ip_strategy: None,
            exclude: Vec::new(),
            force_ip: false,
            additive: false,
            limit: Self::LIMIT,
        }
    }
}

// === impl Wanted ===

impl Wanted {
    /// A decky of which nothing is said but its name: services and distro are drawn.
    pub fn named(name: Name) -> Self {
        Self {
            name,
            services: Services::Random,
            distros: Distros::Dealt,
            archetype: None,
            nmap_os: None,
            ip: None,
            mac: None,
            hostname: None,
            identity_seed: None,
            egress: Egress::default(),
            mutate_interval: None,
            config: BTreeMap::new(),
            places: BTreeMap::new(),
        }
    }

    /// Where the key was said, else where the decky was.
    pub(crate) fn place(&self, key: &'static str) -> Option<Place> {
        self.places.get(key).or_else(|| self.places.get("")).cloned()
    }
}

// === impl IpRange ===

impl IpRange {
    pub fn contains(&self, ip: Ipv4Addr) -> bool {
        (self.first..=self.last).contains(&ip)
    }
}

impl std::str::FromStr for IpStrategy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "sequential" => Ok(Self::Sequential),
            "scattered" => Ok(Self::Scattered),
            _ => Err(format!("`{text}` is neither `sequential` nor `scattered`")),
        }
    }
}

impl std::str::FromStr for IpRange {
    type Err = String;

    /// `10.0.0.5`, `10.0.0.5-10.0.0.9`, `10.0.0.5-9` or `10.0.0.0/28`.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no address, range or subnet");
        if let Ok(net) = text.parse::<ipnet::Ipv4Net>() {
            return Ok(Self {
                first: net.network(),
                last: net.broadcast(),
            });
        }
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let first: Ipv4Addr = first.trim().parse().map_err(|_| wrong())?;
        let last = match last.trim().parse::<u8>() {
            Ok(byte) => {
                let [a, b, c, _] = first.octets();
                Ipv4Addr::new(a, b, c, byte)
            }
            Err(_) => last.trim().parse().map_err(|_| wrong())?,
        };
        if first > last {
            return Err(format!("`{text}` ends before it begins"));
        }
        Ok(Self { first, last })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_name_deckies_in_order_and_an_additive_fleet_goes_on_counting() {
        let flags = Flags {
            count: 3,
            randomize_services: true,
            ..Flags::default()
        };
        let names = |options, existing: &[&str]| -> Vec<String> {
            let existing = existing.iter().map(|name| Name::new(*name).unwrap()).collect();
            let request = Request::from_flags(&flags, options, &existing).unwrap();
            request.deckies.iter().map(|wanted| wanted.name.to_string()).collect()
        };
        assert_eq!(
            names(Options::default(), &["decky-01"]),
            ["decky-01", "decky-02", "decky-03"]
        );
        let additive = Options {
            additive: true,
            ..Options::default()
        };
        assert_eq!(
            names(additive, &["decky-01", "decky-03"]),
            ["decky-02", "decky-04", "decky-05"]
        );
    }

    #[test]
    fn explicit_services_win_over_the_archetype_and_it_over_chance() {
        let services = |services: &[&str], archetype: Option<&str>, random| {
            let flags = Flags {
                count: 1,
                services: services.iter().map(|s| (*s).to_owned()).collect(),
                archetype: archetype.map(str::to_owned),
                randomize_services: random,
                ..Flags::default()
            };
            Request::from_flags(&flags, Options::default(), &BTreeSet::new()).map(|r| r.deckies[0].services.clone())
        };
        assert_eq!(
            services(&["ssh"], Some("web-server"), true),
            Ok(Services::Named(vec!["ssh".into()]))
        );
        assert_eq!(services(&[], Some("web-server"), true), Ok(Services::Archetype));
        assert_eq!(services(&[], None, true), Ok(Services::Random));
        assert_eq!(services(&[], None, false).unwrap_err().code, "E_NO_SERVICES");
    }

    #[test]
    fn no_deckies_or_far_too_many_are_refused() {
        let code = |count| {
            let flags = Flags {
                count,
                randomize_services: true,
                ..Flags::default()
            };
            Request::from_flags(&flags, Options::default(), &BTreeSet::new())
                .unwrap_err()
                .code
        };
        assert_eq!(code(0), "E_NO_DECKIES");
        assert_eq!(code(usize::MAX), "E_LIMIT");
    }

    #[test]
    fn ranges_are_read_in_every_spelling() {
        let range = |text: &str| text.parse::<IpRange>().map(|r| format!("{}-{}", r.first, r.last));
        assert_eq!(range("10.0.0.5"), Ok("10.0.0.5-10.0.0.5".into()));
        assert_eq!(range("10.0.0.5 - 10.0.1.9"), Ok("10.0.0.5-10.0.1.9".into()));
        assert_eq!(range("10.0.0.5-9"), Ok("10.0.0.5-10.0.0.9".into()));
        assert_eq!(range("10.0.0.17/28"), Ok("10.0.0.16-10.0.0.31".into()));
        for bad in ["", "10.0.0", "10.0.0.9-5", "10.0.0.5-256", "a-b", "10.0.0.0/33"] {
            assert!(range(bad).is_err(), "{bad}");
        }
    }
}

//! Tools by their beat and by what they call themselves (profile.md §6.3).

use crate::rhythm::Rhythm;

/// A tool that calls home: seconds between calls and how far they stray, each give or take.
struct Beacon {
    tool: &'static str,
    interval: (f64, f64),
    cv: (f64, f64),
}

const BEACONS: [Beacon; 4] = [
    Beacon {
        tool: "cobalt_strike",
        interval: (60.0, 8.0),
        cv: (0.20, 0.05),
    },
    Beacon {
        tool: "sliver",
        interval: (60.0, 10.0),
        cv: (0.30, 0.08),
    },
    Beacon {
        tool: "havoc",
        interval: (45.0, 8.0),
        cv: (0.10, 0.03),
    },
    Beacon {
        tool: "mythic",
        interval: (30.0, 6.0),
        cv: (0.15, 0.03),
    },
];

/// What user agents hold, whatever their case.
const AGENTS: [(&str, &str); 12] = [
    ("nmap scripting engine", "nmap"),
    ("nikto", "nikto"),
    ("sqlmap", "sqlmap"),
    ("nuclei", "nuclei"),
    ("masscan", "masscan"),
    ("zgrab", "zgrab"),
    ("metasploit", "metasploit"),
    ("python-requests", "python_requests"),
    ("gobuster", "gobuster"),
    ("dirbuster", "dirbuster"),
    ("hydra", "hydra"),
    ("wfuzz", "wfuzz"),
];

/// Every tool whose calls home keep this rhythm as they come by default.
pub fn beacon_tools(rhythm: &Rhythm) -> Vec<&'static str> {
    let (Some(mean), Some(cv)) = (rhythm.mean, rhythm.cv) else {
        return Vec::new();
    };
    // Tolerances are decimal: what lies on their edge is within.
    let near = |value: f64, (middle, tolerance): (f64, f64)| (value - middle).abs() <= tolerance + 1e-9;
    let fits = |beacon: &&Beacon| near(mean, beacon.interval) && near(cv, beacon.cv);
    BEACONS.iter().filter(fits).map(|beacon| beacon.tool).collect()
}

/// The tool a header names; `None` for all others.
pub fn header_tool(name: &str, value: &str) -> Option<&'static str> {
    let value = value.to_ascii_lowercase();
    if name.eq_ignore_ascii_case("x-mailer") {
        return value.contains("gophish").then_some("gophish");
    }
    if !name.eq_ignore_ascii_case("user-agent") {
        return None;
    }
    let held = AGENTS
        .iter()
        .find(|(word, _)| value.contains(word))
        .map(|(_, tool)| *tool);
    held.or(value.starts_with("curl/").then_some("curl"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rhythm::rhythm;

    fn gaps(gaps: &[i64]) -> Rhythm {
        let mut at = 0;
        let mut times = vec![0];
        for gap in gaps {
            at += gap * 1_000_000;
            times.push(at);
        }
        rhythm(&times)
    }

    /// profile.md §17.
    #[test]
    fn a_beat_names_the_tools_that_keep_it() {
        assert_eq!(beacon_tools(&gaps(&[72, 48, 72, 48])), ["cobalt_strike"]);
        assert!(beacon_tools(&gaps(&[55, 66, 49, 71, 59])).is_empty());
        assert_eq!(beacon_tools(&gaps(&[75, 45, 75, 45])), ["cobalt_strike", "sliver"]);
        assert!(beacon_tools(&gaps(&[])).is_empty());
    }

    #[test]
    fn a_header_names_its_tool() {
        for (name, value, tool) in [
            (
                "User-Agent",
                "Mozilla/5.0 (compatible; Nmap Scripting Engine; https://nmap.org/)",
                Some("nmap"),
            ),
            ("user-agent", "sqlmap/1.8#stable (https://sqlmap.org)", Some("sqlmap")),
            ("User-Agent", "curl/8.5.0", Some("curl")),
            ("User-Agent", "libcurl/8.5.0", None),
            ("X-Mailer", "gophish", Some("gophish")),
            ("Server", "nikto", None),
        ] {
            assert_eq!(header_tool(name, value), tool, "{name}: {value}");
        }
    }
}

//! Where this host gets its packages from: read from its apt sources, so that nothing about mirrors is built in.
//!
//! Both formats of sources are understood (sources.list(5)); text in, mirror out.

/// One place packages come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Source {
    pub(crate) uri: String,
    pub(crate) suites: Vec<String>,
    pub(crate) components: Vec<String>,
}

/// The host's release, as `/etc/os-release` has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Release {
    /// `debian`, `ubuntu` ...
    pub(crate) id: String,
    /// `bookworm` ...
    pub(crate) codename: String,
}

/// The mirror to build `suite` of `family` from; none means the tool's own default.
///
/// A source of that very suite is best; else a mirror of the same distribution, which carries its other releases too.
pub(crate) fn choose(sources: &[Source], host: &Release, family: &str, suite: &str) -> Option<String> {
    let carries = |wanted: &str| {
        let fits = |source: &&Source| {
            source.suites.iter().any(|s| s == wanted) && source.components.iter().any(|c| c == "main")
        };
        sources.iter().find(fits).map(|source| source.uri.clone())
    };
    carries(suite).or_else(|| (host.id == family).then(|| carries(&host.codename))?)
}

/// The archive that debootstrap, a shell script, goes to when it is told none.
pub(crate) fn default_of(debootstrap: &str) -> Option<&str> {
    debootstrap
        .lines()
        .find_map(|line| line.strip_prefix("DEF_MIRROR=\"")?.strip_suffix('"'))
}

/// Reads `*.list` text: a source a line.
pub(crate) fn one_line(text: &str) -> Vec<Source> {
    let source = |line: &str| {
        let line = line.split('#').next()?.trim();
        let rest = line.strip_prefix("deb")?;
        let rest = rest.strip_prefix([' ', '\t'])?.trim_start();
        // `[options]` may hold spaces.
        let rest = if rest.starts_with('[') {
            rest.split_once(']')?.1
        } else {
            rest
        };
        let mut words = rest.split_ascii_whitespace().map(str::to_owned);
        let (uri, suite) = (words.next()?, words.next()?);
        usable(&uri).then(|| Source {
            uri,
            suites: vec![suite],
            components: words.collect(),
        })
    };
    text.lines().filter_map(source).collect()
}

/// Reads `*.sources` text: a stanza a source, several values a field.
pub(crate) fn stanzas(text: &str) -> Vec<Source> {
    let without_comments: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    without_comments
        .split(|line| line.trim().is_empty())
        .flat_map(stanza)
        .collect()
}

fn stanza(lines: &[&str]) -> Vec<Source> {
    let mut fields: Vec<(String, Vec<String>)> = Vec::new();
    for line in lines {
        let is_continued = line.starts_with([' ', '\t']);
        match line.split_once(':').filter(|_| !is_continued) {
            Some((name, value)) => fields.push((name.to_ascii_lowercase(), words(value))),
            None => {
                if let Some((_, values)) = fields.last_mut() {
                    values.extend(words(line));
                }
            }
        }
    }
    let field = |name: &str| {
        fields
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, v)| v.clone())
            .unwrap_or_default()
    };
    let is_off = field("enabled").first().is_some_and(|v| v.eq_ignore_ascii_case("no"));
    if is_off || !field("types").iter().any(|t| t == "deb") {
        return Vec::new();
    }
    let (suites, components) = (field("suites"), field("components"));
    let of = |uri: String| Source {
        uri,
        suites: suites.clone(),
        components: components.clone(),
    };
    field("uris").into_iter().filter(|uri| usable(uri)).map(of).collect()
}

/// Reads the host's release out of `/etc/os-release`.
pub(crate) fn release(text: &str) -> Release {
    let value = |key: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        line.unwrap_or_default().trim_matches('"').to_owned()
    };
    Release {
        id: value("ID"),
        codename: value("VERSION_CODENAME"),
    }
}

fn words(text: &str) -> Vec<String> {
    text.split_ascii_whitespace().map(str::to_owned).collect()
}

/// What the bootstrap tool can fetch from as well.
fn usable(uri: &str) -> bool {
    ["http://", "https://", "file:/"]
        .iter()
        .any(|scheme| uri.starts_with(scheme))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "# deb http://old.example/debian bookworm main\n\
        deb-src http://a.example/debian bookworm main\n\
        deb [arch=amd64 signed-by=/k.gpg] http://tools.example/apt bookworm tools\n\
        deb http://security.example/debian-security bookworm-security main\n\
        deb\thttp://a.example/debian  bookworm main contrib # note\n\
        deb cdrom:[x]/ bookworm main\n\
        deb\n";
    const SOURCES: &str = "Types: deb deb-src\n# a comment\nURIs: https://b.example/debian\nSuites: trixie\n trixie-updates\n\
        Components: main\n\nEnabled: no\nTypes: deb\nURIs: http://off.example/\nSuites: trixie\nComponents: main\n";

    #[test]
    fn the_source_of_the_very_suite_is_chosen_over_tools_and_security() {
        let host = Release {
            id: "debian".to_owned(),
            codename: "bookworm".to_owned(),
        };
        assert_eq!(
            choose(&one_line(LIST), &host, "debian", "bookworm").unwrap(),
            "http://a.example/debian"
        );
    }

    #[test]
    fn another_release_comes_from_the_mirror_of_the_hosts_own() {
        let host = Release {
            id: "debian".to_owned(),
            codename: "trixie".to_owned(),
        };
        assert_eq!(
            choose(&stanzas(SOURCES), &host, "debian", "bookworm").unwrap(),
            "https://b.example/debian"
        );
        assert_eq!(
            choose(&stanzas(SOURCES), &host, "ubuntu", "jammy"),
            None,
            "Debian's mirror has no Ubuntu"
        );
    }

    #[test]
    fn stanzas_with_several_values_comments_and_switches_are_read() {
        let sources = stanzas(SOURCES);
        assert_eq!(sources.len(), 1);
        assert_eq!(sources[0].suites, ["trixie", "trixie-updates"]);
    }

    #[test]
    fn the_release_of_the_host_is_read() {
        let text = "PRETTY_NAME=\"Debian\"\nID=debian\nVERSION_CODENAME=\"bookworm\"\n";
        assert_eq!(
            release(text),
            Release {
                id: "debian".to_owned(),
                codename: "bookworm".to_owned()
            }
        );
    }
}

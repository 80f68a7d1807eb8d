//! Names of containers and images.

/// Left words of the names the engine makes up, and right ones.
const LEFT: &[&str] = &[
    "admiring",
    "amazing",
    "blissful",
    "bold",
    "brave",
    "busy",
    "charming",
    "clever",
    "compassionate",
    "confident",
    "cranky",
    "crazy",
    "dazzling",
    "determined",
    "eager",
    "ecstatic",
    "elastic",
    "elegant",
    "epic",
    "fervent",
    "festive",
    "flamboyant",
    "focused",
    "friendly",
    "frosty",
    "gallant",
    "gifted",
    "goofy",
    "gracious",
    "happy",
    "hopeful",
    "hungry",
    "infallible",
    "inspiring",
    "intelligent",
    "jolly",
    "jovial",
    "keen",
    "kind",
    "laughing",
    "loving",
    "lucid",
    "magical",
    "modest",
    "musing",
    "mystifying",
    "naughty",
    "nervous",
    "nice",
    "nifty",
    "nostalgic",
    "objective",
    "optimistic",
    "peaceful",
    "pedantic",
    "pensive",
    "practical",
    "priceless",
    "quirky",
    "quizzical",
    "relaxed",
    "reverent",
    "romantic",
    "serene",
    "sharp",
    "silly",
    "sleepy",
    "stoic",
    "strange",
    "sweet",
    "tender",
    "thirsty",
    "trusting",
    "unruffled",
    "upbeat",
    "vibrant",
    "vigilant",
    "vigorous",
    "wizardly",
    "wonderful",
    "xenodochial",
    "youthful",
    "zealous",
    "zen",
];
const RIGHT: &[&str] = &[
    "agnesi",
    "albattani",
    "archimedes",
    "ardinghelli",
    "babbage",
    "banach",
    "banzai",
    "bardeen",
    "bartik",
    "bassi",
    "bell",
    "bhabha",
    "blackwell",
    "bohr",
    "booth",
    "borg",
    "bose",
    "boyd",
    "brahmagupta",
    "brattain",
    "brown",
    "carson",
    "chandrasekhar",
    "chaplygin",
    "clarke",
    "colden",
    "cori",
    "cray",
    "curie",
    "curran",
    "darwin",
    "davinci",
    "dijkstra",
    "easley",
    "edison",
    "einstein",
    "elion",
    "engelbart",
    "euclid",
    "euler",
    "fermat",
    "fermi",
    "feynman",
    "franklin",
    "galileo",
    "gates",
    "goldberg",
    "goldstine",
    "golick",
    "goodall",
    "hamilton",
    "hawking",
    "heisenberg",
    "hodgkin",
    "hoover",
    "hopper",
    "hugle",
    "hypatia",
    "jang",
    "jepsen",
    "johnson",
    "joliot",
    "jones",
    "kalam",
    "kare",
    "keller",
    "kepler",
    "khorana",
    "kilby",
    "kirch",
    "knuth",
    "kowalevski",
    "lalande",
    "lamarr",
    "leakey",
    "leavitt",
    "lewin",
    "liskov",
    "lovelace",
    "lumiere",
    "mahavira",
    "mayer",
    "mccarthy",
    "mcclintock",
    "mclean",
    "meitner",
    "mendel",
    "mendeleev",
    "mestorf",
    "minsky",
    "mirzakhani",
    "morse",
    "murdock",
    "neumann",
    "newton",
    "nobel",
    "noether",
    "northcutt",
    "noyce",
    "panini",
    "pare",
    "pasteur",
    "payne",
    "perlman",
    "pike",
    "poincare",
    "poitras",
    "ptolemy",
    "raman",
    "ramanujan",
    "ride",
    "ritchie",
    "roentgen",
    "rosalind",
    "saha",
    "sammet",
    "shaw",
    "shirley",
    "shockley",
    "sinoussi",
    "snyder",
    "spence",
    "stallman",
    "stonebraker",
    "swanson",
    "swartz",
    "swirles",
    "tesla",
    "thompson",
    "torvalds",
    "turing",
    "varahamihira",
    "visvesvaraya",
    "volhard",
    "wescoff",
    "wiles",
    "williams",
    "wilson",
    "wing",
    "wozniak",
    "wright",
    "yalow",
    "yonath",
];
/// Images of the library that can be pulled without a name before the slash.
const OFFICIAL: &[&str] = &[
    "adminer",
    "almalinux",
    "alpine",
    "amazonlinux",
    "archlinux",
    "bash",
    "buildpack-deps",
    "busybox",
    "caddy",
    "cassandra",
    "centos",
    "composer",
    "consul",
    "couchdb",
    "debian",
    "docker",
    "drupal",
    "eclipse-temurin",
    "elasticsearch",
    "elixir",
    "erlang",
    "fedora",
    "gcc",
    "ghost",
    "golang",
    "gradle",
    "haproxy",
    "hello-world",
    "httpd",
    "influxdb",
    "jenkins",
    "joomla",
    "kibana",
    "logstash",
    "mariadb",
    "maven",
    "memcached",
    "mongo",
    "mongo-express",
    "mysql",
    "nats",
    "neo4j",
    "nextcloud",
    "nginx",
    "node",
    "openjdk",
    "perl",
    "php",
    "phpmyadmin",
    "postgres",
    "python",
    "rabbitmq",
    "redis",
    "redmine",
    "registry",
    "rockylinux",
    "ruby",
    "rust",
    "solr",
    "sonarqube",
    "swarm",
    "telegraf",
    "tomcat",
    "traefik",
    "ubuntu",
    "vault",
    "wordpress",
    "zookeeper",
];

/// A name as the engine makes one up.
pub(super) fn made_up(draw: &[u8; 32]) -> String {
    let number = |at: usize| usize::from(draw[at]) << 8 | usize::from(draw[at + 1]);
    format!("{}_{}", LEFT[number(0) % LEFT.len()], RIGHT[number(2) % RIGHT.len()])
}

/// An image as it is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reference {
    /// As it is shown: without the public registry and its library.
    pub name: String,
    /// `latest`, or `sha256:...`.
    pub tag: String,
}

// === impl Reference ===

impl Reference {
    /// None when no image can be called so.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.strip_prefix("docker.io/").unwrap_or(text);
        let text = text.strip_prefix("library/").unwrap_or(text);
        let (rest, digest) = text
            .split_once('@')
            .map_or((text, None), |(rest, digest)| (rest, Some(digest)));
        let cut = rest.rfind(':').filter(|at| !rest[*at..].contains('/'));
        let (name, tag) = cut.map_or((rest, "latest"), |at| (&rest[..at], &rest[at + 1..]));
        let sound = |part: &str, more: &[u8]| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || more.contains(&byte))
        };
        let mut parts = name.split('/').enumerate();
        let many = name.contains('/');
        let named = parts.all(|(n, part)| sound(part, if n == 0 && many { b"._-:" } else { b"._-" }));
        let tagged = !tag.is_empty()
            && tag.len() <= 128
            && tag
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
        (named && tagged && name.len() <= 255).then(|| Self {
            name: name.to_owned(),
            tag: digest.unwrap_or(tag).to_owned(),
        })
    }

    pub(super) fn tagged(&self) -> String {
        let between = if self.tag.starts_with("sha256:") { '@' } else { ':' };
        format!("{}{between}{}", self.name, self.tag)
    }

    /// As a registry has it: `library/alpine`.
    pub(super) fn repository(&self) -> String {
        match self.name.contains('/') {
            true => self.name.clone(),
            false => format!("library/{}", self.name),
        }
    }

    /// Whether the registry would give it away: of the library, what is there; of others, what is asked for.
    pub(super) fn can_be_had(&self) -> bool {
        self.name.contains('/') || OFFICIAL.contains(&self.name.as_str())
    }
}

/// Whether a container may be called so.
pub(super) fn is_name(text: &str) -> bool {
    let first = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    first
        && text.len() > 1
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_read_as_people_write_them() {
        let read = |text| Reference::parse(text).map(|reference| reference.tagged());
        assert_eq!(read("alpine").as_deref(), Some("alpine:latest"));
        assert_eq!(read("docker.io/library/alpine:3").as_deref(), Some("alpine:3"));
        assert_eq!(read("r.example:5000/a/b").as_deref(), Some("r.example:5000/a/b:latest"));
        assert_eq!(read("a@sha256:00").as_deref(), Some("a@sha256:00"));
        assert_eq!(
            (read("UPPER"), read(""), read("a b"), read("a:")),
            (None, None, None, None)
        );
    }
}

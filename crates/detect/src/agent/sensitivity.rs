//! How sensitive what a call reads is, 0 to 100 (detect.md §9.1).

use std::sync::LazyLock;

use regex::Regex;

use super::strings::Text;

const READER: u8 = 30;
const PATH: u8 = 40;
const QUERY: u8 = 30;

/// File endings under which a word like `token` is about tokens and no secret.
const WRITINGS: [&str; 30] = [
    ".rs", ".py", ".js", ".ts", ".tsx", ".jsx", ".go", ".c", ".h", ".cpp", ".java", ".rb", ".php", ".cs", ".kt",
    ".swift", ".sh", ".md", ".rst", ".txt.md", ".html", ".htm", ".css", ".scss", ".less", ".vue", ".svelte", ".adoc",
    ".tex", ".scala",
];
const SAMPLES: [&str; 4] = [".example", ".sample", ".template", ".dist"];

/// Names that give themselves away whatever stands around them.
static NAMED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(concat!(
        r"(?i)/etc/(passwd|g?shadow|sudoers)\b",
        r"|(^|[/\\\s'\x22=])[\w.-]*(\.(pem|key|p12|pfx|secret)|\.env(\.[a-z]+)?)($|[\s'\x22;,)?#&|>:])",
        r"|\.(ssh|aws|kube)([/\\]|$)|\.docker[/\\]config",
        r"|service[-_]?account[\w.-]*\.json",
        r"|\bid_(rsa|dsa|ecdsa|ed25519)\b",
    ))
    .ok()
});
static WORD: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?i)(^|[^a-z0-9])(credentials?|secrets?|tokens?|passwords?|private[ _-]?key)($|[^a-z0-9])").ok()
});
static QUERY_NAMES: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(concat!(
        r"(?i)(^|[^a-z0-9])(passwords?|secrets?|tokens?|ssn|credit_?cards?|salary|salaries|api_?keys?)($|[^a-z0-9])",
        r"|\bfrom\s+[\x22`\[]?(\w+\.)?(users|credentials|accounts|secrets|employees)\b",
    ))
    .ok()
});
static IS_QUERY: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?i)^\s*(select|insert|update|delete|with|show|describe|copy|dump)\b").ok());
const QUERY_KEYS: [&str; 5] = ["query", "sql", "statement", "filter", "table"];

/// What a call's strings say of what it is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sensitivity {
    pub(super) value: u8,
    /// A string names a place where credentials lie.
    pub(super) names_path: bool,
}

// === impl Sensitivity ===

impl Sensitivity {
    pub(super) fn of(is_reader: bool, texts: &[Text]) -> Self {
        let names_path = texts.iter().any(|text| names_sensitive(&text.text));
        let queries = texts.iter().any(is_sensitive_query);
        let part = |given: bool, value: u8| if given { value } else { 0 };
        let value = part(is_reader, READER) + part(names_path, PATH) + part(queries, QUERY);
        Self {
            value: value.min(100),
            names_path,
        }
    }
}

fn matches(regex: &LazyLock<Option<Regex>>, text: &str) -> bool {
    regex.as_ref().is_some_and(|regex| regex.is_match(text))
}

/// A string names a sensitive path. In prose only what looks like a path counts.
fn names_sensitive(text: &str) -> bool {
    let text = text.trim();
    let in_prose = text.contains(char::is_whitespace);
    text.split_whitespace().any(|token| {
        let token = token.trim_matches(|character| matches!(character, '"' | '\'' | '`' | ',' | ';' | '(' | ')'));
        let lower = token.to_ascii_lowercase();
        if SAMPLES.iter().any(|ending| lower.ends_with(ending)) {
            return false;
        }
        if matches(&NAMED, token) {
            return true;
        }
        let is_path = token.contains(['/', '\\', '.', '~']) && !token.contains("://");
        let is_writing = WRITINGS.iter().any(|ending| lower.ends_with(ending));
        let name = lower.rsplit(['/', '\\']).next().unwrap_or_default();
        let folder = &lower[..lower.len() - name.len()];
        let worded = matches(&WORD, folder) || (!is_writing && matches(&WORD, name));
        (is_path || !in_prose) && !(token.contains("://")) && worded
    })
}

fn is_sensitive_query(text: &Text) -> bool {
    let is_query = QUERY_KEYS.contains(&text.key.as_str()) || matches(&IS_QUERY, &text.text);
    is_query && matches(&QUERY_NAMES, &text.text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(reader: bool, key: &str, text: &str) -> u8 {
        Sensitivity::of(
            reader,
            &[Text {
                key: key.to_owned(),
                text: text.to_owned(),
            }],
        )
        .value
    }

    #[test]
    fn places_of_secrets_are_known() {
        for path in [
            "/etc/shadow",
            "/etc/passwd",
            "/etc/sudoers",
            ".env",
            "/app/.env",
            "prod.env",
            "server.pem",
            "tls/private.key",
            "cert.p12",
            "/home/u/.ssh/id_rsa",
            "~/.aws/credentials",
            "/root/.kube/config",
            ".docker/config.json",
            "service-account.json",
            "/var/run/secrets/db",
            "my_password",
            "db-password",
            "cat /etc/shadow | head",
            "C:\\Users\\x\\.ssh\\key",
        ] {
            assert_eq!(value(true, "path", path), 70, "{path}");
        }
    }

    #[test]
    fn what_only_sounds_like_a_secret_is_none() {
        for path in [
            "report.pdf",
            ".env.example",
            "config.template",
            "token.rs",
            "docs/passwords.md",
            "src/secret.css",
            "how do I rotate tokens in general",
            "environment.txt",
            "monkey.txt",
            "keyboard.key.md",
            "tokenizer.json",
        ] {
            assert_eq!(value(true, "path", path), 30, "{path}");
        }
    }

    #[test]
    fn queries_after_people_and_secrets_count() {
        assert_eq!(value(true, "query", "SELECT name FROM users"), 60);
        assert_eq!(value(false, "q", "select ssn from staff"), 30);
        assert_eq!(value(false, "q", "select name from products"), 0);
    }
}

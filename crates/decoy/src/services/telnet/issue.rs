//! What telnetd shows before login asks: the machine's `/etc/issue.net`, its escapes filled in. Pure.

/// What the escapes stand for.
#[derive(Clone, Debug)]
pub struct About<'a> {
    pub system: &'a str,
    pub hostname: &'a str,
    pub domain: &'a str,
    pub release: &'a str,
    pub version: &'a str,
    pub hardware: &'a str,
    pub date: &'a str,
    pub line: &'a str,
}

/// As it comes out of the terminal.
pub fn render(issue: &str, about: &About<'_>) -> Vec<u8> {
    let mut shown = String::from("\r\r\n");
    let mut letters = issue.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\n' => shown.push_str("\r\n\r"),
            '\\' | '%' => shown.push_str(about.value(letters.next()).unwrap_or_default()),
            letter => shown.push(letter),
        }
    }
    shown.into_bytes()
}

// === impl About ===

impl About<'_> {
    fn value(&self, escape: Option<char>) -> Option<&str> {
        Some(match escape? {
            's' => self.system,
            'n' | 'h' => self.hostname,
            'o' | 'D' => self.domain,
            'r' => self.release,
            'v' => self.version,
            'm' => self.hardware,
            'd' | 't' => self.date,
            'l' => self.line,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issue_is_shown_as_telnetd_shows_it() {
        let about = About {
            system: "Linux",
            hostname: "web",
            domain: "",
            release: "6.1.0",
            version: "#1",
            hardware: "x86_64",
            date: "now",
            line: "pts/0",
        };
        assert_eq!(
            render("Debian GNU/Linux 12\n", &about),
            b"\r\r\nDebian GNU/Linux 12\r\n\r"
        );
        assert_eq!(render("%h \\r\\", &about), b"\r\r\nweb 6.1.0");
    }
}

//! Which product it is, and how that product was installed.

use model::machine::ServiceSpec;

use crate::services::tls::Profile;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Software {
    Nginx,
    Apache,
}

#[derive(Clone, Debug)]
pub(super) struct Persona {
    pub software: Software,
    /// For the record: `nginx 1.22.1`.
    pub product: String,
    /// Value of the `Server` header.
    pub server: String,
    /// What error pages are signed with.
    pub signature: String,
    /// Folder that is served.
    pub docroot: String,
    /// Files tried in a folder, in order.
    pub index: Vec<String>,
    /// The page the product brings: its path, and which of the texts it is.
    pub page: Option<(String, String)>,
    pub layout: Layout,
    /// Seconds a quiet connection is kept.
    pub keepalive_s: u64,
    /// Requests one connection may make.
    pub keepalive_max: u32,
    /// Headers one request may have, where the product counts them.
    pub max_headers: usize,
    /// First line of the product's own pages.
    pub doctype: String,
    pub listing_doctype: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// As Debian and its children install it: `try_files`, packing.
    Debian,
    /// As the product's makers do.
    Upstream,
    /// Every request is not found.
    Nothing,
}

const STRICT_401: &str =
    "<!DOCTYPE HTML PUBLIC \"-//W3C//DTD HTML 4.01//EN\" \"http://www.w3.org/TR/html4/strict.dtd\">";
const HTML_20: &str = "<!DOCTYPE HTML PUBLIC \"-//IETF//DTD HTML 2.0//EN\">";
const HTML_32: &str = "<!DOCTYPE HTML PUBLIC \"-//W3C//DTD HTML 3.2 Final//EN\">";

// === impl Persona ===

impl Persona {
    pub(super) fn of(spec: &ServiceSpec) -> Result<Self, String> {
        let software = match spec.text("software").unwrap_or("nginx") {
            "nginx" => Software::Nginx,
            "apache" => Software::Apache,
            other => return Err(format!("no web server is called `{other}`")),
        };
        let layout = match spec.text("layout").unwrap_or("debian") {
            "debian" => Layout::Debian,
            "upstream" => Layout::Upstream,
            "nothing" => Layout::Nothing,
            other => return Err(format!("no web server is laid out as `{other}`")),
        };
        let signature = spec.persona.get("server").and_then(|text| text.as_str());
        let server = spec.text("server_header").or(signature).unwrap_or(software.name());
        let number = |key, default| spec.number(key).unwrap_or(default);
        let docroot = match layout {
            Layout::Debian => "/var/www/html",
            Layout::Upstream | Layout::Nothing => "/usr/share/nginx/html",
        };
        let modern = spec.flag("doctype_4").unwrap_or(true);
        Ok(Self {
            software,
            product: spec.text("product").unwrap_or(server).to_owned(),
            server: server.to_owned(),
            signature: server.to_owned(),
            docroot: docroot.to_owned(),
            index: software.index(layout).iter().map(|name| (*name).to_owned()).collect(),
            page: spec
                .text("page")
                .map(|text| (software.page(layout, docroot), text.to_owned())),
            layout,
            keepalive_s: number("keepalive", software.keepalive()) as u64,
            keepalive_max: number("keepalive_max", software.keepalive_max()) as u32,
            max_headers: number("max_headers", i64::MAX) as usize,
            doctype: if modern { STRICT_401 } else { HTML_20 }.to_owned(),
            listing_doctype: if modern { STRICT_401 } else { HTML_32 }.to_owned(),
        })
    }
}

impl Software {
    pub(super) fn tls(self) -> Profile {
        match self {
            Self::Nginx => Profile::Nginx,
            Self::Apache => Profile::Apache,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::Apache => "Apache",
        }
    }

    fn keepalive(self) -> i64 {
        match self {
            Self::Nginx => 75,
            Self::Apache => 5,
        }
    }

    fn keepalive_max(self) -> i64 {
        match self {
            Self::Nginx => 1000,
            Self::Apache => 100,
        }
    }

    fn index(self, layout: Layout) -> &'static [&'static str] {
        match (self, layout) {
            (Self::Nginx, Layout::Debian) => &["index.html", "index.htm", "index.nginx-debian.html"],
            (Self::Nginx, _) => &["index.html", "index.htm"],
            (Self::Apache, _) => &[
                "index.html",
                "index.cgi",
                "index.pl",
                "index.php",
                "index.xhtml",
                "index.htm",
            ],
        }
    }

    fn page(self, layout: Layout, docroot: &str) -> String {
        match (self, layout) {
            (Self::Nginx, Layout::Debian) => format!("{docroot}/index.nginx-debian.html"),
            _ => format!("{docroot}/index.html"),
        }
    }
}

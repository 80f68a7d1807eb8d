//! Findings by mail: a digest, at most one in five minutes. Its text is built of fields; nothing of an attacker's gets
//! into a header or ends a line.

use std::path::Path;
use std::time::Duration;

use detect::{Config, Severity};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use lettre::message::header::{ContentType, InReplyTo, References};
use lettre::message::{Mailbox, Mailboxes, MessageBuilder};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use reqwest::Url;
use sha2::{Digest as _, Sha256};
use std::net::IpAddr;
use store::{Delivery, Finding};

use crate::Error;
use crate::channel::{Channel, Sent, all};

pub(crate) struct Mail {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    to: Mailboxes,
    least: Severity,
    pace: Duration,
}

const TIMEOUT: Duration = Duration::from_secs(20);
/// About a day, at the longest pause of five minutes.
const TRIES: u32 = 300;
/// Characters of one line of a digest.
const LINE: usize = 200;

// === impl Mail ===

impl Mail {
    pub(crate) fn new(config: &Config) -> Result<Self, Error> {
        let wrong = |what: &str, error: &dyn std::fmt::Display| Error::Mail(format!("`{what}`: {error}"));
        let url = Url::parse(&config.mail_server).map_err(|error| wrong("mail.server", &error))?;
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        let transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host);
        let tls = || parameters(host, &config.mail_ca);
        let (transport, port) = match url.scheme() {
            "smtps" => (transport.tls(Tls::Wrapper(tls()?)), 465),
            // A server of this host's own hears nothing that others could overhear.
            "smtp" if is_this_host(host) => (transport.tls(Tls::None), 25),
            "smtp" => (transport.tls(Tls::Required(tls()?)), 587),
            other => return Err(wrong("mail.server", &format!("`{other}` is neither smtp nor smtps"))),
        };
        let mut transport = transport.port(url.port().unwrap_or(port)).timeout(Some(TIMEOUT));
        if !config.mail_user.is_empty() {
            let password = std::fs::read_to_string(&config.mail_password).map_err(|source| Error::File {
                path: config.mail_password.clone().into(),
                source,
            })?;
            let user = config.mail_user.clone();
            transport = transport.credentials(Credentials::new(user, password.trim_end().to_owned()));
        }
        let mut to = Mailboxes::new();
        for receiver in &config.mail_to {
            to.push(receiver.parse().map_err(|error| wrong("mail.to", &error))?);
        }
        if config.mail_to.is_empty() {
            return Err(wrong("mail.to", &"names nobody"));
        }
        Ok(Self {
            transport: transport.build(),
            from: config.mail_from.parse().map_err(|error| wrong("mail.from", &error))?,
            to,
            least: config.mail_severity,
            pace: Duration::from_secs_f64(config.mail_digest.as_seconds()),
        })
    }

    fn digest(&self, due: &[Delivery]) -> Result<Message, lettre::error::Error> {
        let findings: Vec<&Finding> = due.iter().map(|delivery| &delivery.finding).collect();
        let mut message = Message::builder()
            .from(self.from.clone())
            .subject(subject(&findings))
            .header(ContentType::TEXT_PLAIN);
        for receiver in self.to.iter() {
            message = message.to(receiver.clone());
        }
        self.threaded(message, &findings).body(text(&findings))
    }

    /// Mails about the same source answer a first one that nobody has, and so lie together.
    fn threaded(&self, message: MessageBuilder, findings: &[&Finding]) -> MessageBuilder {
        let Some(source) = only_source(findings) else {
            return message;
        };
        let digest = hex::encode(&Sha256::digest(source)[..12]);
        let thread = format!("<{digest}@{}>", self.from.email.domain());
        message
            .header(InReplyTo::from(thread.clone()))
            .header(References::from(thread))
    }
}

impl Channel for Mail {
    fn name(&self) -> &str {
        "mail"
    }

    fn least(&self) -> Severity {
        self.least
    }

    fn tries(&self) -> u32 {
        TRIES
    }

    fn batch(&self) -> u64 {
        200
    }

    fn pace(&self) -> Duration {
        self.pace
    }

    fn send<'a>(&'a self, due: &'a [Delivery]) -> BoxFuture<'a, Vec<Sent>> {
        async move {
            let message = match self.digest(due) {
                Ok(message) => message,
                Err(error) => return all(due, &Sent::Never(error.to_string())),
            };
            match self.transport.send(message).await {
                Ok(_) => all(due, &Sent::Done),
                Err(error) if error.is_permanent() => all(due, &Sent::Never(error.to_string())),
                Err(error) => all(due, &Sent::Later(error.to_string())),
            }
        }
        .boxed()
    }
}

fn parameters(host: &str, ca: &str) -> Result<TlsParameters, Error> {
    let wrong = |error: &dyn std::fmt::Display| Error::Mail(format!("TLS: {error}"));
    let mut parameters = TlsParameters::builder(host.to_owned());
    if !ca.is_empty() {
        let pem = std::fs::read(Path::new(ca)).map_err(|source| Error::File {
            path: ca.into(),
            source,
        })?;
        parameters = parameters.add_root_certificate(Certificate::from_pem(&pem).map_err(|error| wrong(&error))?);
    }
    parameters.build_rustls().map_err(|error| wrong(&error))
}

fn is_this_host(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn only_source<'a>(findings: &[&'a Finding]) -> Option<&'a str> {
    let first = findings.first()?.source.as_str();
    let same = findings.iter().all(|finding| finding.source == first);
    (same && !first.is_empty()).then_some(first)
}

fn subject(findings: &[&Finding]) -> String {
    let gravest = findings.iter().max_by_key(|finding| Severity::parse(&finding.severity));
    let Some(gravest) = gravest else { return String::new() };
    let more = match findings.len() {
        1 => String::new(),
        many => format!(" and {} more", many - 1),
    };
    line(&format!("[{}] {}{more}", gravest.severity, gravest.reason))
}

fn text(findings: &[&Finding]) -> String {
    let mut text = String::new();
    for finding in findings {
        let stage = finding.stage.as_deref().unwrap_or("-");
        let advice = finding
            .detail
            .pointer("/mitigation")
            .and_then(|it| it.as_str())
            .unwrap_or("-");
        for (name, value) in [
            ("finding", finding.id.as_str()),
            ("severity", &finding.severity),
            ("rule", &finding.rule),
            ("source", &finding.source),
            ("technique", &finding.mitre.join(" ")),
            ("stage", stage),
            ("confidence", &format!("{} %", finding.confidence)),
            ("reason", &finding.reason),
            ("do", advice),
        ] {
            text.push_str(&format!("{name:<11} {}\n", line(value)));
        }
        text.push('\n');
    }
    text
}

/// One line, whatever is in it.
fn line(text: &str) -> String {
    let plain = |c: char| if model::is_hidden(c) { ' ' } else { c };
    text.chars().take(LINE).map(plain).collect()
}

//! What clients say first, whatever the port: TLS, SSH, HTTP, or something that turns to TLS.

use std::sync::Arc;

use super::{
    Role,
    deckies::Decky,
    details::{
        Asked, Http2Settings, HttpRequest, SshBanner, SshKex, TlsCertificate, TlsHello, TlsSession, millis, sni, text,
    },
    observation::{Details, Observation},
    repeats::{Matter, Repeats},
};
use crate::{
    Look,
    flow::{Endpoints, Flow},
    http, ja3, ja4,
    ssh::{self, KexInit},
    stream::{Stream, Want},
    time::Time,
    tls::{
        self, ClientHello, Handshakes, Message, Next, ServerHello, kind,
        starttls::{self, Upgrade},
    },
};

/// A connection whose first words are not all said.
#[derive(Debug, Default)]
pub(super) struct Talk {
    pub(super) client: Stream,
    pub(super) server: Stream,
    pub(super) phase: Phase,
}

#[derive(Debug, Default)]
pub(super) enum Phase {
    /// Nobody knows yet what is spoken.
    #[default]
    Open,
    /// The client named itself; its proposal follows.
    SshKex {
        since: Time,
        version: String,
    },
    /// The client said hello, which lies here without its head; the server is to answer.
    TlsAnswer {
        hello: Box<[u8]>,
    },
    /// The server answered in a version that shows certificates; whom the client asked for.
    TlsCertificate {
        sni: String,
    },
    Over,
}

/// Of whom it is, and where to tell what is found.
pub(super) struct Listener<'a> {
    pub(super) at: Time,
    pub(super) ends: Endpoints,
    pub(super) flow: Option<&'a Flow>,
    pub(super) role: Role,
    pub(super) decky: Option<&'a Arc<Decky>>,
    pub(super) repeats: &'a mut Repeats,
    pub(super) out: &'a mut Vec<Observation>,
}

/// The last version in which certificates are not encrypted.
const TLS_1_2: u16 = 0x0303;
/// Bytes kept of a banner.
const BANNER: usize = 255;

// === impl Listener ===

impl Listener<'_> {
    /// Takes the client's bytes from where it has not read on.
    pub(super) fn client(&mut self, phase: &mut Phase, bytes: &[u8]) -> Want {
        match phase {
            Phase::Open => self.open(phase, bytes),
            Phase::SshKex { since, version } => {
                let (since, version) = (*since, std::mem::take(version));
                self.ssh_kex(phase, since, version, bytes, 0)
            }
            Phase::TlsAnswer { .. } | Phase::TlsCertificate { .. } | Phase::Over => Want::Enough,
        }
    }

    /// Takes the server's bytes from the client's hello on.
    pub(super) fn server(&mut self, phase: &mut Phase, bytes: &[u8]) -> Want {
        match phase {
            Phase::TlsAnswer { hello } => match tls::server_hello(bytes) {
                Look::More => Want::More { read: 0 },
                Look::Found(message) => {
                    let hello = std::mem::take(hello);
                    match self.tls_answer(&hello, &message) {
                        Some(sni) => {
                            *phase = Phase::TlsCertificate { sni };
                            self.tls_certificate(phase, bytes)
                        }
                        None => self.over(phase),
                    }
                }
                Look::Other => self.over(phase),
            },
            Phase::TlsCertificate { .. } => self.tls_certificate(phase, bytes),
            Phase::Open | Phase::SshKex { .. } | Phase::Over => Want::Enough,
        }
    }

    /// The first reading that fits is it; as long as one may, more is wanted.
    fn open(&mut self, phase: &mut Phase, bytes: &[u8]) -> Want {
        let mut undecided = false;
        match tls::client_hello(bytes) {
            Look::Found(message) => return self.tls_hello(phase, &message, None),
            look => undecided |= is_more(&look),
        }
        if b"SSH-".starts_with(&bytes[..bytes.len().min(4)]) {
            match ssh::banner(bytes) {
                Look::Found(banner) => {
                    let version = self.ssh_banner(&banner);
                    return self.ssh_kex(phase, self.at, version, &bytes[banner.end..], banner.end);
                }
                look => undecided |= is_more(&look),
            }
        }
        match http::head(bytes) {
            Look::Found(head) => {
                self.http(HttpRequest::of_head(&head));
                return self.over(phase);
            }
            look => undecided |= is_more(&look),
        }
        match http::preface(bytes) {
            Look::Found(preface) => {
                self.http2(&preface);
                return self.over(phase);
            }
            look => undecided |= is_more(&look),
        }
        match starttls::client(bytes) {
            Look::Found(upgraded) => match tls::client_hello(&bytes[upgraded.at.min(bytes.len())..]) {
                Look::Found(message) => return self.tls_hello(phase, &message, Some(name(upgraded.protocol))),
                look => undecided |= is_more(&look),
            },
            look => undecided |= is_more(&look),
        }
        if undecided {
            return Want::More { read: 0 };
        }
        self.over(phase)
    }

    fn over(&self, phase: &mut Phase) -> Want {
        *phase = Phase::Over;
        Want::Enough
    }

    fn tls_hello(&mut self, phase: &mut Phase, message: &Message<'_>, starttls: Option<&'static str>) -> Want {
        let Some(hello) = ClientHello::parse(&message.body) else {
            return self.over(phase);
        };
        let carried = Carried {
            record_version: message.record_version,
            fragments: message.records,
            starttls,
            dtls: false,
        };
        self.hello(&hello, &carried);
        *phase = Phase::TlsAnswer {
            hello: message.body[..].into(),
        };
        Want::Enough
    }

    /// A hello, however it came.
    pub(super) fn hello(&mut self, hello: &ClientHello<'_>, carried: &Carried) {
        let transport = if carried.dtls {
            ja4::Transport::Dtls
        } else {
            ja4::Transport::Tcp
        };
        let (ja3, ja4) = (ja3::ja3(hello), ja4::Ja4::new(hello, transport));
        let detail = (&ja3.hash, ja4.hash(), hello.server_name());
        if !self.is_first("tls_client_hello", detail) {
            return;
        }
        let mut details = TlsHello::new(hello, ja3, &ja4);
        details.record_version = carried.record_version;
        details.fragments = carried.fragments;
        details.starttls = carried.starttls;
        details.dtls = carried.dtls;
        details.client_rtt_ms = self.flow.and_then(Flow::client_rtt_min).map(millis);
        details.synack_delay_ms = self.flow.and_then(Flow::synack_delay).map(millis);
        details.sni_matches_decoy = self.decky.map(|decky| decky.answers_to(&details.sni));
        self.tell(details);
    }

    /// Whom the client asked for, if the server's certificates follow and may be told.
    fn tls_answer(&mut self, hello: &[u8], message: &Message<'_>) -> Option<String> {
        let (asked, answer) = (ClientHello::parse(hello)?, ServerHello::parse(&message.body)?);
        self.tls_session(&asked, &answer);
        (answer.version() <= TLS_1_2 && self.peer_serves()).then(|| sni(&asked))
    }

    /// The certificates follow the server's hello, if they come at all: a session that is resumed has none.
    fn tls_certificate(&mut self, phase: &mut Phase, bytes: &[u8]) -> Want {
        let mut messages = Handshakes::new(bytes);
        loop {
            match messages.next() {
                Next::More => return Want::More { read: 0 },
                Next::Message(message) if message.kind == kind::SERVER_HELLO => {}
                Next::Message(message) => {
                    if let Phase::TlsCertificate { sni } = phase
                        && message.kind == kind::CERTIFICATE
                        && let Some(shown) = TlsCertificate::read(&message.body, sni)
                        && self.is_first("tls_certificate", (&shown.leaf.sha256, &shown.sni))
                    {
                        self.tell(shown);
                    }
                    return self.over(phase);
                }
                Next::End => return self.over(phase),
            }
        }
    }

    /// The server is not a machine of ours, as far as is known: what ours show is nobody else's.
    fn peer_serves(&self) -> bool {
        self.decky.is_none() || self.role == Role::Outbound
    }

    fn tls_session(&mut self, asked: &ClientHello<'_>, answer: &ServerHello<'_>) {
        let (ja3, ja3s) = (ja3::ja3(asked), ja3::ja3s(answer));
        let ja4 = ja4::Ja4::new(asked, ja4::Transport::Tcp).hash();
        if self.is_first("tls_session", (&ja3.hash, &ja4, &ja3s.hash, asked.server_name())) {
            let session = TlsSession::new(answer, ja3s, Asked::new(asked, &ja3.hash, ja4));
            self.tell(session);
        }
    }

    fn ssh_banner(&mut self, banner: &ssh::Banner<'_>) -> String {
        let version = text(banner.line, BANNER);
        if self.is_first("ssh_client_banner", &version) {
            self.tell(SshBanner {
                ssh_version: version.clone(),
                lines_before: banner.lines_before,
                crlf: banner.crlf,
            });
        }
        version
    }

    /// `read` bytes before these are done with.
    fn ssh_kex(&mut self, phase: &mut Phase, since: Time, version: String, bytes: &[u8], read: usize) -> Want {
        match ssh::packet(bytes) {
            Look::More => {
                *phase = Phase::SshKex { since, version };
                return Want::More { read };
            }
            Look::Found(packet) => {
                if let Some(kex) = KexInit::parse(packet.payload) {
                    let hassh = kex.hassh();
                    if self.is_first("ssh_client_kex", (&hassh, &version)) {
                        let gap = millis(self.at.since(since));
                        self.tell(SshKex::new(&kex, &packet, hassh, version, gap));
                    }
                }
            }
            Look::Other => {}
        }
        self.over(phase)
    }

    fn http(&mut self, request: HttpRequest) {
        let detail = (
            request.proto,
            &request.http_order_hash,
            &request.user_agent,
            &request.method,
        );
        if self.is_first("http_request_fingerprint", detail) {
            self.tell(request);
        }
    }

    fn http2(&mut self, preface: &http::Preface) {
        let settings = Http2Settings::from(preface);
        if self.is_first("http2_settings", &settings.h2_akamai) {
            self.tell(settings);
        }
        if !preface.fields.is_empty() {
            self.http(HttpRequest::of_preface(preface));
        }
    }

    pub(super) fn is_first(&mut self, kind: &'static str, detail: impl std::hash::Hash) -> bool {
        let matter = Matter {
            kind,
            source: self.ends.client.0,
            destination: self.ends.server.0,
            role: self.role,
            decky: self.decky,
        };
        self.repeats.is_first(self.at, matter, detail, self.out)
    }

    pub(super) fn tell(&mut self, details: impl Into<Details>) {
        self.out.push(Observation {
            at: self.at,
            source: self.ends.client,
            destination: self.ends.server,
            role: self.role,
            decky: self.decky.cloned(),
            details: details.into(),
        });
    }
}

/// What a hello came in.
pub(super) struct Carried {
    pub(super) record_version: u16,
    pub(super) fragments: u16,
    pub(super) starttls: Option<&'static str>,
    pub(super) dtls: bool,
}

fn name(upgrade: Upgrade) -> &'static str {
    match upgrade {
        Upgrade::Smtp => "smtp",
        Upgrade::Imap => "imap",
        Upgrade::Pop3 => "pop3",
        Upgrade::Ftp => "ftp",
        Upgrade::Ldap => "ldap",
        Upgrade::Xmpp => "xmpp",
        Upgrade::PostgreSql => "postgresql",
        Upgrade::MySql => "mysql",
        Upgrade::Rdp => "rdp",
    }
}

fn is_more<T>(look: &Look<T>) -> bool {
    matches!(look, Look::More)
}

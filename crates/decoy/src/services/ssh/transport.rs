//! The transport in use: russh, between the stream and the conversation. The only module that names it.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use russh::keys::{Algorithm, EcdsaCurve, HashAlg, PrivateKey};
use russh::server::VerifiedPublicKey;
use russh::server::{Auth, ChannelOpenHandle, Config, Handle, Handler, Msg, PublicKeyOffer, Response, Session};
use russh::{
    Channel, ChannelId, ChannelOpenFailure, ChannelWriteHalf, Disconnect, Limits, MethodKind, MethodSet, Preferred,
    SshId,
};
use tokio::io::{AsyncRead, AsyncWrite};

use super::algorithms::Proposal;
use super::conversation::Conversation;
use super::seam::{Attempt, Exit, Key, Opening, Outlet, Refusal, Request, Verdict};
use crate::shell::Terminal;
use crate::shell::session::Sink;

/// The first window of a channel, as OpenSSH has it.
const WINDOW: u32 = 64 * 32 * 1024;
/// OpenSSH renews keys by volume alone.
const REKEY_BYTES: usize = 1 << 30;
const REKEY_TIME: Duration = Duration::from_secs(60 * 60 * 24 * 365);

#[derive(Clone)]
pub struct Transport(Arc<Config>);

/// `keys` are OpenSSH private-key files, in the order a server offers them.
pub fn new(version: &str, proposal: Proposal, methods: &[&str], keys: &[&str]) -> Result<Transport, String> {
    let keys = keys.iter().filter(|key| !key.is_empty()).map(PrivateKey::from_openssh);
    let keys = keys
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| format!("host key: {error}"))?;
    if keys.is_empty() {
        return Err("no host key".into());
    }
    Ok(Transport(Arc::new(Config {
        server_id: SshId::Standard(Cow::Owned(format!("SSH-2.0-{version}"))),
        methods: method_set(methods),
        auth_rejection_time: Duration::ZERO,
        keys,
        limits: Limits::new(REKEY_BYTES, REKEY_BYTES, REKEY_TIME),
        window_size: WINDOW,
        channel_buffer_size: 1,
        preferred: preferred(proposal),
        // The conversation counts.
        max_auth_attempts: 0,
        inactivity_timeout: None,
        ..Config::default()
    })))
}

// === impl Transport ===

impl Transport {
    /// Speaks with one client to the end.
    pub async fn run<S>(&self, stream: S, conversation: Conversation)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let handle = Arc::new(OnceLock::new());
        let peer = Peer {
            conversation,
            methods: self.0.methods.clone(),
            handle: handle.clone(),
        };
        // How a client broke off is of no interest; what it did was told as it happened.
        if let Ok(session) = russh::server::run_stream(self.0.clone(), stream, peer).await {
            let _ = handle.set(session.handle());
            let _ = session.await;
        }
    }
}

fn method_set(methods: &[&str]) -> MethodSet {
    let kinds: Vec<MethodKind> = methods.iter().filter_map(|name| name.parse().ok()).collect();
    MethodSet::from(kinds.as_slice())
}

fn preferred(proposal: Proposal) -> Preferred {
    let mut kex = names(proposal.kex);
    if proposal.extensions {
        kex.push(russh::kex::EXTENSION_SUPPORT_AS_SERVER);
    }
    if proposal.strict {
        kex.push(russh::kex::EXTENSION_OPENSSH_STRICT_KEX_AS_SERVER);
    }
    let curves = [EcdsaCurve::NistP256, EcdsaCurve::NistP384, EcdsaCurve::NistP521];
    let [p256, p384, p521] = curves.map(|curve| Algorithm::Ecdsa { curve });
    let [rsa_512, rsa_256] = [HashAlg::Sha512, HashAlg::Sha256].map(|hash| Algorithm::Rsa { hash: Some(hash) });
    Preferred {
        kex: kex.into(),
        key: vec![rsa_512, rsa_256, p256, Algorithm::Ed25519, p384, p521].into(),
        host_key_certificates: Cow::Borrowed(&[]),
        cipher: names(proposal.ciphers).into(),
        mac: names(proposal.macs).into(),
        compression: vec![russh::compression::NONE, russh::compression::ZLIB_LEGACY].into(),
    }
}

/// Those the transport can do.
fn names<'a, N: TryFrom<&'a str>>(wanted: &[&'a str]) -> Vec<N> {
    wanted.iter().filter_map(|name| N::try_from(name).ok()).collect()
}

struct Peer {
    conversation: Conversation,
    methods: MethodSet,
    handle: Arc<OnceLock<Handle>>,
}

// === impl Peer ===

impl Peer {
    async fn judge(&mut self, user: &str, attempt: Attempt<'_>) -> Result<Auth, russh::Error> {
        Ok(match self.conversation.authenticate(user, attempt).await {
            Verdict::Accept => Auth::Accept,
            Verdict::Refuse => self.refused(),
            Verdict::Ask(prompt) => Auth::Partial {
                name: "".into(),
                instructions: "".into(),
                prompts: vec![(prompt.into(), false)].into(),
            },
            Verdict::Disconnect(text) => {
                if let Some(handle) = self.handle.get() {
                    let _ = handle
                        .disconnect(Disconnect::ProtocolError, text.to_owned(), String::new())
                        .await;
                }
                self.refused()
            }
        })
    }

    fn refused(&self) -> Auth {
        Auth::Reject {
            proceed_with_methods: Some(self.methods.clone()),
            partial_success: false,
        }
    }

    fn open(&mut self, channel: Channel<Msg>, opening: Opening, reply: ChannelOpenHandle) {
        let wish = self.conversation.open(channel.id().into(), opening);
        // What the peer sends comes by way of the handler; a reader nobody reads would hold up the connection.
        let (_, channel) = channel.split();
        let handle = self.handle.get().cloned();
        tokio::spawn(async move {
            match (wish.await, handle) {
                (Ok(start), Some(handle)) => {
                    reply.accept().await;
                    start(Box::new(Open { channel, handle }));
                }
                (Err(Refusal::ConnectFailed), _) => reply.reject(ChannelOpenFailure::ConnectFailed).await,
                _ => reply.reject(ChannelOpenFailure::AdministrativelyProhibited).await,
            }
        });
    }

    fn request(&mut self, id: ChannelId, request: Request, session: &mut Session) -> Result<(), russh::Error> {
        if self.conversation.request(id.into(), request) {
            session.channel_success(id)
        } else {
            session.channel_failure(id)
        }
    }
}

fn key_of(key: &russh::keys::PublicKey) -> Key {
    Key {
        algorithm: key.algorithm().to_string(),
        blob: key.to_bytes().unwrap_or_default(),
    }
}

impl Handler for Peer {
    type Error = russh::Error;

    async fn auth_none(&mut self, user: &str) -> Result<Auth, Self::Error> {
        self.judge(user, Attempt::None).await
    }

    async fn auth_password(&mut self, user: &str, password: &str) -> Result<Auth, Self::Error> {
        self.judge(user, Attempt::Password(password.as_bytes())).await
    }

    async fn auth_publickey_offered(&mut self, user: &str, offer: PublicKeyOffer<'_>) -> Result<Auth, Self::Error> {
        self.judge(user, Attempt::Offered(&key_of(offer.public_key))).await
    }

    async fn auth_publickey(&mut self, user: &str, key: VerifiedPublicKey<'_>) -> Result<Auth, Self::Error> {
        self.judge(user, Attempt::Signed(&key_of(key.public_key))).await
    }

    async fn auth_keyboard_interactive<'a>(
        &'a mut self,
        user: &str,
        _submethods: &str,
        response: Option<Response<'a>>,
    ) -> Result<Auth, Self::Error> {
        match response {
            None => self.judge(user, Attempt::Dialogue).await,
            Some(answers) => {
                let answers: Vec<Vec<u8>> = answers.map(|answer| answer.to_vec()).collect();
                self.judge(user, Attempt::Answers(&answers)).await
            }
        }
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        self.open(channel, Opening::Session, reply);
        Ok(())
    }

    async fn channel_open_x11(
        &mut self,
        channel: Channel<Msg>,
        from: &str,
        from_port: u32,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        let from = from.to_owned();
        self.open(channel, Opening::X11 { from, from_port }, reply);
        Ok(())
    }

    async fn channel_open_direct_tcpip(
        &mut self,
        channel: Channel<Msg>,
        host: &str,
        port: u32,
        from: &str,
        from_port: u32,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        let (host, from) = (host.to_owned(), from.to_owned());
        self.open(
            channel,
            Opening::DirectTcp {
                host,
                port,
                from,
                from_port,
            },
            reply,
        );
        Ok(())
    }

    async fn channel_open_direct_streamlocal(
        &mut self,
        channel: Channel<Msg>,
        path: &str,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        let path = path.to_owned();
        self.open(channel, Opening::DirectUnix { path }, reply);
        Ok(())
    }

    async fn data(&mut self, id: ChannelId, data: &[u8], _: &mut Session) -> Result<(), Self::Error> {
        self.conversation.data(id.into(), Bytes::copy_from_slice(data)).await;
        Ok(())
    }

    async fn channel_eof(&mut self, id: ChannelId, _: &mut Session) -> Result<(), Self::Error> {
        self.conversation.eof(id.into());
        Ok(())
    }

    async fn channel_close(&mut self, id: ChannelId, _: &mut Session) -> Result<(), Self::Error> {
        self.conversation.close(id.into());
        Ok(())
    }

    async fn pty_request(
        &mut self,
        id: ChannelId,
        term: &str,
        cols: u32,
        rows: u32,
        _: u32,
        _: u32,
        modes: &[(russh::Pty, u32)],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        let terminal = Terminal {
            term: term.to_owned(),
            cols: cells(cols),
            rows: cells(rows),
            modes: modes.iter().map(|(mode, value)| (*mode as u8, *value)).collect(),
        };
        self.request(id, Request::Terminal(terminal), session)
    }

    async fn x11_request(
        &mut self,
        id: ChannelId,
        _: bool,
        _: &str,
        _: &str,
        _: u32,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.request(id, Request::X11, session)
    }

    async fn env_request(
        &mut self,
        id: ChannelId,
        name: &str,
        value: &str,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        let (name, value) = (name.to_owned(), value.to_owned());
        self.request(id, Request::Variable { name, value }, session)
    }

    async fn shell_request(&mut self, id: ChannelId, session: &mut Session) -> Result<(), Self::Error> {
        self.request(id, Request::Shell, session)
    }

    async fn exec_request(&mut self, id: ChannelId, data: &[u8], session: &mut Session) -> Result<(), Self::Error> {
        self.request(id, Request::Exec(data.to_vec()), session)
    }

    async fn subsystem_request(&mut self, id: ChannelId, name: &str, session: &mut Session) -> Result<(), Self::Error> {
        self.request(id, Request::Subsystem(name.to_owned()), session)
    }

    async fn window_change_request(
        &mut self,
        id: ChannelId,
        cols: u32,
        rows: u32,
        _: u32,
        _: u32,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        let (cols, rows) = (cells(cols), cells(rows));
        self.request(id, Request::Resize { cols, rows }, session)
    }

    async fn agent_request(&mut self, id: ChannelId, _: &mut Session) -> Result<bool, Self::Error> {
        Ok(self.conversation.request(id.into(), Request::Agent))
    }

    async fn signal(&mut self, id: ChannelId, signal: russh::Sig, session: &mut Session) -> Result<(), Self::Error> {
        self.request(id, Request::Signal(signal_name(&signal).to_owned()), session)
    }

    async fn tcpip_forward(&mut self, host: &str, port: &mut u32, _: &mut Session) -> Result<bool, Self::Error> {
        Ok(self.conversation.forward(host, *port))
    }
}

/// One channel, for the program on our side.
struct Open {
    channel: ChannelWriteHalf<Msg>,
    handle: Handle,
}

impl Outlet for Open {
    fn out(&self) -> Sink {
        Box::new(Box::pin(self.channel.make_writer()))
    }

    fn err(&self) -> Sink {
        Box::new(Box::pin(self.channel.make_writer_ext(Some(1))))
    }

    fn close(self: Box<Self>, exit: Option<Exit>) -> BoxFuture<'static, ()> {
        async move {
            let id = self.channel.id();
            // Each fails only when the connection is gone, and then there is nobody to tell.
            match exit {
                Some(Exit::Status(code)) => {
                    let _ = self.handle.exit_status_request(id, code).await;
                }
                Some(Exit::Signal { name, core_dumped }) => {
                    let signal = signal_of(name);
                    let (text, language) = (String::new(), String::new());
                    let _ = self
                        .handle
                        .exit_signal_request(id, signal, core_dumped, text, language)
                        .await;
                }
                None => {}
            }
            let _ = self.handle.eof(id).await;
            let _ = self.handle.close(id).await;
        }
        .boxed()
    }
}

fn cells(number: u32) -> u16 {
    u16::try_from(number).unwrap_or(u16::MAX)
}

const SIGNALS: &[(&str, russh::Sig)] = &[
    ("ABRT", russh::Sig::ABRT),
    ("ALRM", russh::Sig::ALRM),
    ("FPE", russh::Sig::FPE),
    ("HUP", russh::Sig::HUP),
    ("ILL", russh::Sig::ILL),
    ("INT", russh::Sig::INT),
    ("KILL", russh::Sig::KILL),
    ("PIPE", russh::Sig::PIPE),
    ("QUIT", russh::Sig::QUIT),
    ("SEGV", russh::Sig::SEGV),
    ("TERM", russh::Sig::TERM),
    ("USR1", russh::Sig::USR1),
];

fn signal_of(name: &str) -> russh::Sig {
    let known = SIGNALS.iter().find(|(known, _)| *known == name);
    known.map_or_else(|| russh::Sig::Custom(name.to_owned()), |(_, signal)| signal.clone())
}

fn signal_name(signal: &russh::Sig) -> &str {
    match signal {
        russh::Sig::Custom(name) => name,
        signal => SIGNALS
            .iter()
            .find(|(_, known)| std::mem::discriminant(known) == std::mem::discriminant(signal))
            .map_or("", |(name, _)| name),
    }
}

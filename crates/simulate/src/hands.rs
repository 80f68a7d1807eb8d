//! What one address does in one session.

use std::net::SocketAddrV4;
use std::sync::Arc;
use std::time::Duration;

use campaign::Session;
use cluster::Observation;
use engine::Visitor;
use russh::client::{self, Handle};

use russh::keys::PublicKeyOrCertificate;
use russh::{ChannelMsg, Disconnect};
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::{Door, guise};

/// For a connection, and for an answer to a hello.
const CONNECT: Duration = Duration::from_secs(5);
/// For a login: refusals are slow on purpose.
const LOGIN: Duration = Duration::from_secs(20);
/// A command that goes on for longer is left alone: some wait for what never comes.
const COMMAND: Duration = Duration::from_secs(5);
/// Guesses a server takes on one connection before it hangs up, less one for certainty.
const GUESSES: usize = 5;

/// What is behind one address, for one session.
pub(crate) struct Hands<'a> {
    host: &'a Visitor,
    observation: &'a Observation,
    /// Sessions it had before.
    before: usize,
}

type Wrong = String;

// === impl Hands ===

impl<'a> Hands<'a> {
    pub(crate) fn new(host: &'a Visitor, observation: &'a Observation, before: usize) -> Self {
        Self {
            host,
            observation,
            before,
        }
    }

    pub(crate) async fn act(&self, session: &Session, door: &Door, tls: Option<SocketAddrV4>) -> Result<(), Wrong> {
        if self.before == 0 {
            for name in &self.observation.ja3 {
                match tls {
                    Some(to) => self
                        .greet(to, name)
                        .await
                        .map_err(|error| format!("TLS to {to}: {error}"))?,
                    None => return Err("no decky speaks https to show a TLS fingerprint to".to_owned()),
                }
            }
        }
        let lines = lines(session);
        let shows_ssh = !self.observation.hassh.is_empty();
        if session.credentials.is_empty() && lines.is_empty() && session.payload.is_none() && !shows_ssh {
            return self
                .look(door.ssh)
                .await
                .map_err(|error| format!("{}: {error}", door.ssh));
        }
        self.talk(session, door, &lines)
            .await
            .map_err(|error| format!("ssh to {}: {error}", door.ssh))
    }

    /// A scanner's visit: connects, reads what is said first, leaves.
    async fn look(&self, to: SocketAddrV4) -> std::io::Result<()> {
        let mut stream = self.connect(to).await?;
        timeout(CONNECT, stream.read(&mut [0; 256])).await?.map(drop)
    }

    /// Shows a client hello and waits for the server's.
    async fn greet(&self, to: SocketAddrV4, name: &str) -> std::io::Result<()> {
        let mut stream = self.connect(to).await?;
        stream.write_all(&guise::hello(name, rand::random())).await?;
        timeout(CONNECT, stream.read(&mut [0; 4096])).await?.map(drop)
    }

    /// Tries the guesses, then comes in by the door if there is something to do inside.
    async fn talk(&self, session: &Session, door: &Door, lines: &[String]) -> Result<(), russh::Error> {
        for guesses in session.credentials.chunks(GUESSES) {
            let mut client = self.client(door.ssh).await?;
            for (user, password) in guesses {
                within(LOGIN, client.authenticate_password(user, password)).await?;
            }
            leave(&client).await;
        }
        let mut client = self.client(door.ssh).await?;
        if !lines.is_empty() || session.payload.is_some() {
            let entered = within(LOGIN, client.authenticate_password(&door.user, &door.password)).await?;
            if !entered.success() {
                return Err(russh::Error::NotAuthenticated);
            }
            if let Some(payload) = &session.payload {
                bring(&client, payload.as_bytes()).await?;
            }
            for line in lines {
                run(&client, line, &[]).await?;
            }
        }
        leave(&client).await;
        Ok(())
    }

    /// A client that looks as this address does. One whose looks the corpus leaves open looks like nobody else.
    async fn client(&self, to: SocketAddrV4) -> Result<Handle<Anyone>, russh::Error> {
        let known = &self.observation.hassh;
        let name = known
            .get(self.before % known.len().max(1))
            .unwrap_or(&self.observation.id);
        let config = client::Config {
            preferred: guise::preferred(name),
            ..client::Config::default()
        };
        let stream = self.connect(to).await?;
        within(LOGIN, client::connect_stream(Arc::new(config), stream, Anyone)).await
    }

    async fn connect(&self, to: SocketAddrV4) -> std::io::Result<TcpStream> {
        let stream = self.host.connect(to, CONNECT).await?;
        stream.set_nonblocking(true)?;
        TcpStream::from_std(stream)
    }
}

/// What is typed.
fn lines(session: &Session) -> Vec<String> {
    let call = |endpoint: &String| format!("wget -q -T 2 -t 1 -O /dev/null http://{endpoint}/");
    session
        .commands
        .iter()
        .cloned()
        .chain(session.c2.iter().map(call))
        .collect()
}

/// Leaves a file, the way `scp` brings one.
async fn bring(client: &Handle<Anyone>, content: &[u8]) -> Result<(), russh::Error> {
    let hash = Sha256::digest(content);
    let name = format!("{:02x}{:02x}{:02x}", hash[0], hash[1], hash[2]);
    let mut said = format!("C0755 {} {name}\n", content.len()).into_bytes();
    said.extend_from_slice(content);
    said.push(0);
    run(client, &format!("scp -t /tmp/{name}"), &said).await
}

/// Runs a line and waits for its end, for as long as anybody would.
async fn run(client: &Handle<Anyone>, line: &str, input: &[u8]) -> Result<(), russh::Error> {
    let mut channel = within(COMMAND, client.channel_open_session()).await?;
    channel.exec(true, line).await?;
    if !input.is_empty() {
        channel.data(input).await?;
        channel.eof().await?;
    }
    let ended = async {
        while let Some(message) = channel.wait().await {
            if matches!(message, ChannelMsg::Close) {
                break;
            }
        }
    };
    if timeout(COMMAND, ended).await.is_err() {
        channel.close().await?;
    }
    Ok(())
}

async fn leave(client: &Handle<Anyone>) {
    // The other side may have hung up already.
    let _ = client.disconnect(Disconnect::ByApplication, "", "").await;
}

async fn within<T>(limit: Duration, what: impl Future<Output = Result<T, russh::Error>>) -> Result<T, russh::Error> {
    timeout(limit, what)
        .await
        .unwrap_or(Err(russh::Error::ConnectionTimeout))
}

/// Deckies are ours: whatever key they show is theirs.
struct Anyone;

impl client::Handler for Anyone {
    type Error = russh::Error;

    async fn check_server_key(&mut self, _: &PublicKeyOrCertificate) -> Result<bool, russh::Error> {
        Ok(true)
    }
}

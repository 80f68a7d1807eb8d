//! `exec` and `attach`: a program's streams over one connection, by WebSocket or SPDY.

use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as B64;
use serde_json::Value;
use tokio::io::AsyncReadExt;
use tokio::sync::mpsc::Receiver;

use super::answer::Remote;
use super::pods;
use super::resources::of_kind;
use super::session::Kubernetes;
use super::{spdy, websocket};
use crate::services::containers::{self, Run, Said};
use crate::services::golang::json::Object;
use crate::services::golang::{Reply, Request, Talk, Then};
use crate::shell::session::Input;

/// Of a client's offers the first of these is taken.
const PROTOCOLS: [&str; 4] = [
    "v5.channel.k8s.io",
    "v4.channel.k8s.io",
    "v4.base64.channel.k8s.io",
    "base64.channel.k8s.io",
];
const STDIN: u8 = 0;
const STDOUT: u8 = 1;
const STDERR: u8 = 2;
const ERROR: u8 = 3;
const RESIZE: u8 = 4;
/// Since the fifth version: a stream of the client's has ended.
const CLOSE: u8 = 255;

/// Carries the streams of one program until it has ended or the client is gone.
pub(super) async fn serve(server: &Rc<Kubernetes>, talk: &mut Talk, request: &Request, wish: Remote) -> Then {
    let said = request.header("upgrade").unwrap_or_default().to_ascii_lowercase();
    let carrier = match said.as_str() {
        "websocket" => websocket(talk, request).await,
        "spdy/3.1" => Some(spdy(talk, request).await),
        _ => None,
    };
    let Some(carrier) = carrier else {
        return refuse(server, talk, request).await;
    };
    let early = talk.reader.take_rest();
    let mut lines = Lines {
        talk,
        carrier,
        wish: &wish,
    };
    lines.push(&early);
    if lines.ready().await == Then::Over {
        return Then::Over;
    }
    match begin(server, lines.talk, &wish) {
        Ok((run, heard)) => lines.relay(&run, heard).await,
        Err((why, code)) => {
            let text = format!("Internal error occurred: error executing command in container: {why}");
            lines.end(&ended(Some(code), &wish, Some(text))).await;
        }
    }
    Then::Over
}

async fn websocket(talk: &mut Talk, request: &Request) -> Option<Carrier> {
    let offered: Vec<&str> = request
        .header("sec-websocket-protocol")?
        .split(',')
        .map(str::trim)
        .collect();
    let protocol = PROTOCOLS.iter().find(|known| offered.contains(known))?;
    let accepted = websocket::accept(request.header("sec-websocket-key")?);
    let head = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accepted}\r\nSec-WebSocket-Protocol: {protocol}\r\n\r\n"
    );
    talk.send(head.as_bytes()).await;
    Some(Carrier::WebSocket {
        frames: websocket::Frames::default(),
        base64: protocol.contains("base64"),
    })
}

async fn spdy(talk: &mut Talk, request: &Request) -> Carrier {
    let offered = request.header("x-stream-protocol-version").unwrap_or_default();
    let protocol = offered.split(',').next().unwrap_or_default().trim();
    let protocol = if protocol.is_empty() {
        "v4.channel.k8s.io"
    } else {
        protocol
    };
    let head = format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: {protocol}\r\n\r\n"
    );
    talk.send(head.as_bytes()).await;
    Carrier::Spdy {
        frames: spdy::Frames::default(),
        streams: Vec::new(),
    }
}

type Begun = (Rc<Run>, Receiver<Said>);

/// Starts the program, or joins the pod's own.
fn begin(server: &Rc<Kubernetes>, talk: &Talk, wish: &Remote) -> Result<Begun, containers::Refused> {
    if wish.attach {
        let run = server.run(&wish.namespace, &wish.pod);
        let heard = run.listen();
        return Ok((run, heard));
    }
    let pod = of_kind("Pod").and_then(|kind| {
        server
            .cluster
            .borrow()
            .find(kind, &wish.namespace, &wish.pod)
            .map(|thing| thing.value.clone())
    });
    let launch = pods::launch(
        &pod.unwrap_or(Value::Null),
        wish.argv.clone(),
        wish.tty,
        wish.stdin,
        false,
    );
    let run = Run::new();
    let heard = run.listen();
    let done = {
        let run = run.clone();
        move |code| run.finish(code)
    };
    containers::launch(&server.ground, &run, launch, (&talk.log, talk.sid()), done)?;
    Ok((run, heard))
}

/// A client that asks for neither of the ways to carry streams that are there.
async fn refuse(server: &Kubernetes, talk: &mut Talk, request: &Request) -> Then {
    let body = Object::new()
        .put("kind", "Status")
        .put("apiVersion", "v1")
        .raw("metadata", "{}")
        .put("status", "Failure")
        .put("message", "Upgrade request required")
        .put("reason", "BadRequest")
        .put("code", 400)
        .end();
    let head = server.stream_head("application/json");
    let reply = Reply {
        status: 400,
        body: (body + "\n").into_bytes(),
        ..head
    };
    talk.send(&reply.render(request, time::OffsetDateTime::now_utc())).await
}

/// How it ended, as the stream of errors says it.
fn ended(code: Option<i32>, wish: &Remote, why: Option<String>) -> String {
    let code = match code {
        Some(0) | None => return "{\"metadata\":{},\"status\":\"Success\"}".to_owned(),
        Some(code) => code,
    };
    let failure = Object::new().raw("metadata", "{}").put("status", "Failure");
    if let Some(why) = why {
        return failure
            .put("message", why)
            .put("reason", "InternalError")
            .put("code", 500)
            .end();
    }
    let causes = format!("[{{\"reason\":\"ExitCode\",\"message\":\"{code}\"}}]");
    let message = format!(
        "command terminated with non-zero exit code: error executing command {:?}, exit code {code}",
        wish.argv
    );
    failure
        .put("message", message)
        .put("reason", "NonZeroExitCode")
        .raw("details", &Object::new().raw("causes", &causes).end())
        .end()
}

/// What the streams travel in.
enum Carrier {
    WebSocket {
        frames: websocket::Frames,
        base64: bool,
    },
    /// Each stream with what it is.
    Spdy {
        frames: spdy::Frames,
        streams: Vec<(u32, u8)>,
    },
}

/// The connection while it carries streams.
struct Lines<'a> {
    talk: &'a mut Talk,
    carrier: Carrier,
    wish: &'a Remote,
}

/// Something of the client's.
enum Heard {
    Bytes(u8, Vec<u8>),
    End(u8),
    Gone,
}

// === impl Lines ===

impl Lines<'_> {
    fn push(&mut self, bytes: &[u8]) {
        match &mut self.carrier {
            Carrier::WebSocket { frames, .. } => frames.push(bytes),
            Carrier::Spdy { frames, .. } => frames.push(bytes),
        }
    }

    /// What streams there are to be, in the order clients open them.
    fn wanted(&self) -> Vec<u8> {
        let Remote {
            stdin,
            stdout,
            stderr,
            tty,
            ..
        } = *self.wish;
        let all = [
            (true, ERROR),
            (stdin, STDIN),
            (stdout, STDOUT),
            (stderr && !tty, STDERR),
            (tty, RESIZE),
        ];
        all.iter()
            .filter(|(wanted, _)| *wanted)
            .map(|(_, channel)| *channel)
            .collect()
    }

    /// Waits until all streams are open.
    async fn ready(&mut self) -> Then {
        let wanted = self.wanted().len();
        loop {
            match &self.carrier {
                Carrier::Spdy { streams, .. } if streams.len() < wanted => {}
                _ => return Then::On,
            }
            match self.next().await {
                Ok(Some(_)) => {}
                Ok(None) => match self.talk.read().await {
                    0 => return Then::Over,
                    _ => {
                        let bytes = self.talk.reader.take_rest();
                        self.push(&bytes);
                    }
                },
                Err(()) => return Then::Over,
            }
        }
    }

    async fn relay(&mut self, run: &Run, mut heard: Receiver<Said>) {
        let mut buffer = [0; 16 << 10];
        let mut open = self.take(run).await.is_ok();
        loop {
            tokio::select! {
                said = heard.recv() => {
                    let Some(said) = said else { break };
                    let wanted = if said.err { self.wish.stderr } else { self.wish.stdout };
                    let channel = if said.err { STDERR } else { STDOUT };
                    if wanted && self.put(channel, &said.bytes).await == Then::Over {
                        return;
                    }
                }
                read = self.talk.stream.read(&mut buffer), if open => match read {
                    Ok(n @ 1..) => {
                        self.push(&buffer[..n]);
                        if self.take(run).await.is_err() {
                            open = false;
                            run.tell(Input::End);
                        }
                    }
                    _ => {
                        run.tell(Input::End);
                        return;
                    }
                },
            }
        }
        let code = run.end().await;
        let status = ended(code, self.wish, None);
        self.end(&status).await;
    }

    /// What the client has said so far, on its way to the program.
    async fn take(&mut self, run: &Run) -> Result<(), ()> {
        while let Some(heard) = self.next().await? {
            match heard {
                Heard::Gone => return Err(()),
                Heard::End(STDIN) => run.tell(Input::End),
                Heard::Bytes(STDIN, bytes) if self.wish.stdin && !bytes.is_empty() => run.feed(&bytes).await,
                Heard::Bytes(RESIZE, bytes) => {
                    let size: Value = serde_json::from_slice(&bytes).unwrap_or_default();
                    let cells = |name: &str| size[name].as_u64().and_then(|n| u16::try_from(n).ok());
                    if let (Some(cols), Some(rows)) = (cells("Width"), cells("Height")) {
                        run.tell(Input::Resize(cols, rows));
                    }
                }
                Heard::Bytes(..) | Heard::End(_) => {}
            }
        }
        Ok(())
    }

    /// The next of what came that means something here; what only has to be answered is.
    async fn next(&mut self) -> Result<Option<Heard>, ()> {
        let wanted = self.wanted();
        loop {
            let (answer, heard) = match &mut self.carrier {
                Carrier::WebSocket { frames, base64 } => match frames.next().map_err(|_| ())? {
                    None => return Ok(None),
                    Some(websocket::Frame::Close) => (Vec::new(), Some(Heard::Gone)),
                    Some(websocket::Frame::Ping(body)) => (websocket::frame(10, &body), None),
                    Some(websocket::Frame::Message(body)) => (Vec::new(), message(&body, *base64)),
                },
                Carrier::Spdy { frames, streams } => match frames.next().map_err(|_| ())? {
                    None => return Ok(None),
                    Some(spdy::Frame::Open(stream)) => {
                        let channel = wanted.get(streams.len()).copied().ok_or(())?;
                        streams.push((stream, channel));
                        (frames.taken(stream), Some(Heard::Bytes(channel, Vec::new())))
                    }
                    Some(spdy::Frame::Data(stream, bytes, last)) => {
                        let channel = streams
                            .iter()
                            .find(|(known, _)| *known == stream)
                            .map(|(_, channel)| *channel);
                        let heard = channel.map(|channel| {
                            if last && bytes.is_empty() {
                                Heard::End(channel)
                            } else {
                                Heard::Bytes(channel, bytes)
                            }
                        });
                        (Vec::new(), heard)
                    }
                    Some(spdy::Frame::Ping(whole)) => (whole, None),
                    Some(spdy::Frame::Other) => (Vec::new(), None),
                },
            };
            if !answer.is_empty() {
                self.talk.send(&answer).await;
            }
            if heard.is_some() {
                return Ok(heard);
            }
        }
    }

    async fn put(&mut self, channel: u8, bytes: &[u8]) -> Then {
        let frame = match &self.carrier {
            Carrier::WebSocket { base64: true, .. } => {
                websocket::frame(1, &[&[b'0' + channel], B64.encode(bytes).as_bytes()].concat())
            }
            Carrier::WebSocket { .. } => websocket::frame(2, &[&[channel], bytes].concat()),
            Carrier::Spdy { streams, .. } => match streams.iter().find(|(_, known)| *known == channel) {
                Some((stream, _)) => spdy::data(*stream, bytes, channel == ERROR),
                None => return Then::On,
            },
        };
        self.talk.send(&frame).await
    }

    async fn end(&mut self, status: &str) {
        self.put(ERROR, status.as_bytes()).await;
        let last = match &self.carrier {
            Carrier::WebSocket { .. } => websocket::frame(8, &1000u16.to_be_bytes()),
            Carrier::Spdy { streams, .. } => {
                let open = streams
                    .iter()
                    .filter(|(_, channel)| matches!(*channel, STDOUT | STDERR));
                open.flat_map(|(stream, _)| spdy::data(*stream, b"", true)).collect()
            }
        };
        self.talk.send(&last).await;
    }
}

/// A message of a WebSocket: the number of its stream, and what is on it.
fn message(body: &[u8], base64: bool) -> Option<Heard> {
    let (channel, bytes) = body.split_first()?;
    let (channel, bytes) = match base64 {
        true => (channel.wrapping_sub(b'0'), B64.decode(bytes).unwrap_or_default()),
        false => (*channel, bytes.to_vec()),
    };
    match channel {
        CLOSE => Some(Heard::End(*bytes.first()?)),
        _ => Some(Heard::Bytes(channel, bytes)),
    }
}

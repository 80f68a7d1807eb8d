//! Carries a conversation over mailboxes over one connection.

use std::rc::Rc;
use std::sync::mpsc;
use std::time::Duration;

use model::detail::{Login, Secret};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout};

use super::Dovecot;
use crate::conn::{Conn, Log};
use crate::machine::Account;
use crate::services::mail::store::Store;
use crate::services::mail::talk::{Act, Attempt, Talk};
use crate::services::mail::{login, maildir};
use crate::services::tls::Opened;
use crate::sys;

/// Silence after which a session ends, before a login and after.
const IDLE_BEFORE: Duration = Duration::from_secs(180);
const IDLE_AFTER: Duration = Duration::from_secs(1800);
/// How often those who wait hear of what is new.
const TICK: Duration = Duration::from_secs(2);
const SEND_TIMEOUT: Duration = Duration::from_secs(60);
const READ: usize = 8192;
const STACK: usize = 512 << 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Gone,
    Secure,
}

/// Where the conversation is held: here, or in a thread with its user's rights.
enum Place {
    Here(Box<dyn Talk>),
    There(mpsc::Sender<(Heard, oneshot::Sender<Vec<Act>>)>),
    Nowhere,
}

enum Heard {
    Bytes(Vec<u8>),
    Tick,
    Silence,
}

struct Session {
    dovecot: Rc<Dovecot>,
    place: Place,
    log: Log,
    user: Option<String>,
}

pub(super) async fn converse(dovecot: Rc<Dovecot>, conn: Conn) {
    let Conn { mut stream, tls, log } = conn;
    let mut session = Session {
        place: Place::Here(dovecot.talk(tls)),
        dovecot: dovecot.clone(),
        log,
        user: None,
    };
    if !tls && session.greet_and_talk(&mut stream).await == End::Gone {
        let _ = stream.shutdown().await;
        return;
    }
    let Some(profile) = &dovecot.tls else { return };
    let Opened::Tls(mut stream) = profile.open(stream, &session.log).await else {
        return;
    };
    if tls {
        session.greet_and_talk(stream.as_mut()).await;
    } else {
        if let Place::Here(talk) = &mut session.place {
            talk.secured();
        }
        session.talk(stream.as_mut()).await;
    }
    let _ = timeout(SEND_TIMEOUT, stream.shutdown()).await;
}

// === impl Session ===

impl Session {
    async fn greet_and_talk<S: AsyncRead + AsyncWrite + Unpin>(&mut self, stream: &mut S) -> End {
        let greeting = match &mut self.place {
            Place::Here(talk) => talk.greeting(),
            _ => Vec::new(),
        };
        match self.obey(greeting, stream).await {
            Some(end) => end,
            None => self.talk(stream).await,
        }
    }

    async fn talk<S: AsyncRead + AsyncWrite + Unpin>(&mut self, stream: &mut S) -> End {
        let mut buffer = vec![0; READ];
        let mut last = Instant::now();
        loop {
            let patience = if self.user.is_some() { IDLE_AFTER } else { IDLE_BEFORE };
            let heard = match timeout(TICK, stream.read(&mut buffer)).await {
                Ok(Ok(0) | Err(_)) => return End::Gone,
                Ok(Ok(read)) => {
                    last = Instant::now();
                    Heard::Bytes(buffer[..read].to_vec())
                }
                Err(_) if last.elapsed() > patience => Heard::Silence,
                Err(_) => Heard::Tick,
            };
            let acts = self.ask(heard).await;
            if let Some(end) = self.obey(acts, stream).await {
                return end;
            }
        }
    }

    async fn ask(&mut self, heard: Heard) -> Vec<Act> {
        match &mut self.place {
            Place::Here(talk) => hear(talk.as_mut(), heard),
            Place::There(thread) => {
                let (answer, answered) = oneshot::channel();
                let _ = thread.send((heard, answer));
                // A thread that fell over has nothing more to say.
                answered.await.unwrap_or_else(|_| vec![Act::Close])
            }
            Place::Nowhere => vec![Act::Close],
        }
    }

    async fn obey<S: AsyncRead + AsyncWrite + Unpin>(&mut self, acts: Vec<Act>, stream: &mut S) -> Option<End> {
        let mut acts = std::collections::VecDeque::from(acts);
        let mut out = Vec::new();
        while let Some(act) = acts.pop_front() {
            match act {
                Act::Say(bytes) => out.extend(bytes),
                Act::Tell(kind, fields) => self.log.report_as(kind, fields),
                Act::Keep(name, bytes) => drop(self.log.capture(&bytes, &name, "append", self.user.as_deref())),
                Act::LogIn(attempt) => {
                    if !send(stream, &mut out).await {
                        return Some(End::Gone);
                    }
                    acts.extend(self.log_in(&attempt).await);
                }
                Act::Secure => {
                    let sent = send(stream, &mut out).await;
                    return Some(if sent { End::Secure } else { End::Gone });
                }
                Act::Close => {
                    send(stream, &mut out).await;
                    return Some(End::Gone);
                }
            }
        }
        (!send(stream, &mut out).await).then_some(End::Gone)
    }

    async fn log_in(&mut self, attempt: &Attempt) -> Vec<Act> {
        let machine = &self.dovecot.machine;
        let admitted = self
            .dovecot
            .policy
            .admit(machine, &attempt.user, &attempt.password)
            .await;
        let account = admitted.filter(|_| !attempt.as_another);
        self.log.report(Login {
            principal: Some(String::from_utf8_lossy(&attempt.user).into_owned()),
            method: attempt.method.into(),
            secret: Secret::plaintext(&attempt.password),
            outcome: account.is_some().into(),
        });
        let Some(account) = account else {
            sleep(login::FAILURE).await;
            return match &mut self.place {
                Place::Here(talk) => talk.answered(None),
                _ => Vec::new(),
            };
        };
        self.move_in(account).await
    }

    /// The conversation goes on in a thread with the user's rights.
    async fn move_in(&mut self, account: Account) -> Vec<Act> {
        let machine = self.dovecot.machine.clone();
        let Place::Here(mut talk) = std::mem::replace(&mut self.place, Place::Nowhere) else {
            return vec![Act::Close];
        };
        let Ok(folder) = maildir::open(&machine, &account) else {
            return vec![Act::Close];
        };
        self.user = Some(account.name.clone());
        let store = Store::open(folder, machine.hostname());
        let (inputs, queue) = mpsc::channel::<(Heard, oneshot::Sender<Vec<Act>>)>();
        let (first, answered) = oneshot::channel();
        let live = move || {
            if sys::act_as(account.uid, account.gid, &[account.gid]).is_err() {
                return;
            }
            let _ = first.send(talk.answered(Some((account.name, store))));
            while let Ok((heard, answer)) = queue.recv() {
                let _ = answer.send(hear(talk.as_mut(), heard));
            }
        };
        if std::thread::Builder::new().stack_size(STACK).spawn(live).is_err() {
            return vec![Act::Close];
        }
        self.place = Place::There(inputs);
        answered.await.unwrap_or_else(|_| vec![Act::Close])
    }
}

fn hear(talk: &mut dyn Talk, heard: Heard) -> Vec<Act> {
    match heard {
        Heard::Bytes(bytes) => talk.received(&bytes),
        Heard::Tick => talk.tick(),
        Heard::Silence => talk.expired(),
    }
}

async fn send<S: AsyncWrite + Unpin>(stream: &mut S, out: &mut Vec<u8>) -> bool {
    let writing = async {
        stream.write_all(out).await?;
        stream.flush().await
    };
    let sent = out.is_empty() || matches!(timeout(SEND_TIMEOUT, writing).await, Ok(Ok(())));
    out.clear();
    sent
}

//! Carries one conversation over one connection: reads, does what [`core`](super::core) asks for, answers.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use model::detail::{Login, Secret};
use serde_json::json;
use time::OffsetDateTime;
use time::macros::format_description;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{sleep, timeout};

use super::act::{Act, Attempt, Link, Message, Recipient};
use super::core::Core;
use super::{Smtp, View, features};
use crate::conn::{Conn, Log};
use crate::machine::{Account, Machine};
use crate::services::mail::{login, maildir};
use crate::services::tls::Opened;

/// Silence after which a session ends.
const IDLE: Duration = Duration::from_secs(300);
/// A peer that takes nothing for so long is let go.
const SEND_TIMEOUT: Duration = Duration::from_secs(60);
const READ: usize = 8192;

/// How a stretch of the conversation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Gone,
    Secure,
}

struct Session {
    smtp: Rc<Smtp>,
    core: Core,
    log: Log,
    link: Link,
}

pub(super) async fn converse(smtp: Rc<Smtp>, conn: Conn) {
    let Conn { mut stream, tls, log } = conn;
    let (Some(peer), Some(local)) = (log.place().src, log.place().dst) else {
        return;
    };
    let link = Link {
        peer: peer.ip,
        local: local.ip,
        submission: tls || local.port == super::SUBMISSION,
        tls,
    };
    let core = Core::new(smtp.config.clone(), link);
    let mut session = Session { smtp, core, log, link };
    if !tls && session.greet_and_talk(&mut stream).await == End::Gone {
        let _ = stream.shutdown().await;
        return;
    }
    let smtp = session.smtp.clone();
    let Some(profile) = &smtp.tls else { return };
    let Opened::Tls(mut stream) = profile.open(stream, &session.log).await else {
        return;
    };
    if tls {
        session.greet_and_talk(stream.as_mut()).await;
    } else {
        session.core.secured();
        session.talk(stream.as_mut()).await;
    }
    let _ = timeout(SEND_TIMEOUT, stream.shutdown()).await;
}

// === impl Session ===

impl Session {
    async fn greet_and_talk<S: AsyncRead + AsyncWrite + Unpin>(&mut self, stream: &mut S) -> End {
        let greeting = self.core.greeting();
        match self.obey(greeting, stream).await {
            Some(end) => end,
            None => self.talk(stream).await,
        }
    }

    async fn talk<S: AsyncRead + AsyncWrite + Unpin>(&mut self, stream: &mut S) -> End {
        let mut buffer = vec![0; READ];
        loop {
            let acts = match timeout(IDLE, stream.read(&mut buffer)).await {
                Ok(Ok(0) | Err(_)) => return End::Gone,
                Ok(Ok(read)) => self.core.received(&buffer[..read], &View::of(&self.smtp, &self.link)),
                Err(_) => self.core.expired(),
            };
            if let Some(end) = self.obey(acts, stream).await {
                return end;
            }
        }
    }

    /// Does what is to be done. What is said in one go travels together.
    async fn obey<S: AsyncRead + AsyncWrite + Unpin>(&mut self, acts: Vec<Act>, stream: &mut S) -> Option<End> {
        let mut acts = std::collections::VecDeque::from(acts);
        let mut out = Vec::new();
        while let Some(act) = acts.pop_front() {
            match act {
                Act::Say(bytes) => out.extend(bytes),
                Act::Tell(kind, fields) => self.log.report_as(kind, fields),
                Act::Store(message) => self.store(message).await,
                Act::Wait(time) => {
                    if send(stream, &mut out).await.is_none() {
                        return Some(End::Gone);
                    }
                    sleep(time).await;
                }
                Act::LogIn(attempt) => {
                    if send(stream, &mut out).await.is_none() {
                        return Some(End::Gone);
                    }
                    let user = self.log_in(&attempt).await.map(|account| account.name);
                    acts.extend(self.core.answered(user, &View::of(&self.smtp, &self.link)));
                }
                Act::Secure => {
                    let sent = send(stream, &mut out).await;
                    return Some(if sent.is_some() { End::Secure } else { End::Gone });
                }
                Act::Close => {
                    let _ = send(stream, &mut out).await;
                    return Some(End::Gone);
                }
            }
        }
        match send(stream, &mut out).await {
            Some(()) => None,
            None => Some(End::Gone),
        }
    }

    async fn log_in(&self, attempt: &Attempt) -> Option<Account> {
        let admitted = self
            .smtp
            .policy
            .admit(&self.smtp.machine, &attempt.user, &attempt.password)
            .await;
        let account = admitted.filter(|_| !attempt.as_another);
        self.log.report(Login {
            principal: Some(String::from_utf8_lossy(&attempt.user).into_owned()),
            method: attempt.method.into(),
            secret: Secret::plaintext(&attempt.password),
            outcome: account.is_some().into(),
        });
        if account.is_none() {
            sleep(login::FAILURE).await;
        }
        account
    }

    async fn store(&self, message: Message) {
        let Message { bytes, queue_id, .. } = &message;
        let sha256 = self
            .log
            .capture(bytes, &format!("{queue_id}.eml"), "message", message.user.as_deref());
        let list: Vec<&str> = message.recipients.iter().map(|to| &to.address[..]).collect();
        let fields = json!({
            "msg_id": queue_id, "sha256": sha256, "stored_as": format!("{queue_id}.eml"), "size": bytes.len(), "truncated": false,
            "mail_from": message.sender, "rcpt_to": list.join(","),
        });
        let (machine, trace) = (self.smtp.machine.clone(), self.trace(&message));
        let room = self.smtp.take_room(bytes.len());
        let message = Arc::new(message);
        let bytes = message.clone();
        // Reading what strangers wrote may fail; they are told of all the same.
        let features = tokio::task::spawn_blocking(move || features::of(&bytes.bytes)).await;
        if room {
            let _ = tokio::task::spawn_blocking(move || deliver(&machine, &message, &trace)).await;
        }
        if let serde_json::Value::Object(fields) = fields {
            let fields = fields.into_iter().chain(features.unwrap_or_default());
            self.log.report_as("message_stored", fields.collect());
        }
    }

    /// The heads the product puts before a message.
    fn trace(&self, message: &Message) -> String {
        let now = OffsetDateTime::now_utc();
        let date = now.format(format_description!(
            "[weekday repr:short], [day padding:none] [month repr:short] [year] [hour]:[minute]:[second] +0000 (UTC)"
        ));
        let hello = if message.hello.is_empty() {
            "unknown"
        } else {
            &message.hello
        };
        let peer = self.link.peer;
        let literal = if peer.is_ipv6() {
            format!("IPv6:{peer}")
        } else {
            peer.to_string()
        };
        let only = match &message.recipients[..] {
            [only] => format!("\tfor <{}>; ", only.address),
            _ => "\t; ".to_owned(),
        };
        format!(
            "Received: from {hello} (unknown [{literal}])\n\tby {} (Postfix) with {} id {}\n{only}{}\n",
            self.smtp.config.hostname,
            message.protocol,
            message.queue_id,
            date.unwrap_or_default(),
        )
    }
}

/// Puts it into the mailboxes of those who are users of the machine.
fn deliver(machine: &Machine, message: &Message, trace: &str) {
    let now = OffsetDateTime::now_utc();
    let mut done: Vec<&str> = Vec::new();
    for Recipient { address, mailbox } in &message.recipients {
        let Some(name) = mailbox.as_deref().filter(|name| !done.contains(name)) else {
            continue;
        };
        done.push(name);
        let heads = format!(
            "Return-Path: <{}>\nX-Original-To: {address}\nDelivered-To: {name}@{}\n{trace}",
            message.sender,
            machine.hostname(),
        );
        let text = [heads.as_bytes(), &maildir::unix_lines(&message.bytes)].concat();
        let hostname = machine.hostname().to_owned();
        // A mailbox that cannot be written keeps nobody from sending.
        let _ = machine.account(name).map(|account| {
            let folder = maildir::open(machine, &account)?;
            maildir::as_user(&account, move || maildir::deliver(&folder, &text, now, &hostname))
        });
    }
}

async fn send<S: AsyncWrite + Unpin>(stream: &mut S, out: &mut Vec<u8>) -> Option<()> {
    let writing = async {
        stream.write_all(out).await?;
        stream.flush().await
    };
    let sent = out.is_empty() || matches!(timeout(SEND_TIMEOUT, writing).await, Ok(Ok(())));
    out.clear();
    sent.then_some(())
}

//! Who comes in (RFC 4252, RFC 4256), as OpenSSH hears it.

use super::{Awaiting, Server, Stage, whole};
use crate::code::{Put, Reader};
use crate::compress::{Deflate, Inflate};
use crate::event::{Attempt, Event, Key, Verdict};
use crate::hostkey;
use crate::message as msg;
use crate::packet::{Fault, Packet};
use crate::random::Random;

const SERVICE: &[u8] = b"ssh-userauth";
const PUBLICKEY: &str = "publickey";
/// Signs our key with the rest, so that nobody can pass it on.
const HOSTBOUND: &str = "publickey-hostbound-v00@openssh.com";
const CERTIFICATE: &str = "-cert-v01@openssh.com";
const DIALOGUE: &str = "keyboard-interactive";
/// What anybody may sign by but for RSA, with every release.
const SIGNATURES: &[&str] = &[
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
];
const MAX_ANSWERS: u32 = 100;

#[derive(Default)]
pub(super) struct Login {
    served: bool,
    /// User and service of all tries.
    who: Option<(String, String)>,
    /// Something was asked.
    asked: bool,
}

/// What the caller was asked to judge.
pub(super) enum Question {
    Login,
    /// Would this key do? What is said when it would.
    Key(Vec<u8>),
}

// === impl Server ===

impl<R: Random> Server<R> {
    /// Answers [`Event::Tried`].
    pub fn judge(&mut self, verdict: Verdict) {
        let Some(Awaiting::Verdict(question)) = self.awaiting.take() else {
            return;
        };
        let said = match (verdict, question) {
            (Verdict::Accept, Question::Key(known)) => self.say(known),
            (Verdict::Accept, Question::Login) => self.let_in(),
            (Verdict::Refuse, _) => self.refuse(),
            (Verdict::Disconnect(text), _) => Err(Fault::Said(text.to_owned())),
            (Verdict::Ask(prompt), _) => self.ask(prompt),
        };
        if let Err(fault) = said {
            self.fail(fault);
        }
    }

    pub(super) fn hear_login(&mut self, packet: &Packet) -> Result<(), Fault> {
        let reader = Reader(&packet.payload[1..]);
        match packet.payload[0] {
            msg::SERVICE_REQUEST => self.serve(reader),
            msg::USERAUTH_REQUEST if self.login.served => self.hear_try(reader),
            msg::USERAUTH_INFO_RESPONSE if self.login.asked => self.hear_answers(reader),
            // What the peer can do of itself is of no use to us.
            msg::EXT_INFO => Ok(()),
            _ => self.unexpected(packet),
        }
    }

    fn serve(&mut self, mut reader: Reader<'_>) -> Result<(), Fault> {
        let name = whole(reader.string())?;
        whole(reader.end())?;
        if name != SERVICE {
            let name = String::from_utf8_lossy(name);
            return Err(Fault::Said(format!("bad service request {name}")));
        }
        self.login.served = true;
        let mut answer = vec![msg::SERVICE_ACCEPT];
        answer.put_string(name);
        self.say(answer)
    }

    fn hear_try(&mut self, mut reader: Reader<'_>) -> Result<(), Fault> {
        let user = whole(reader.text())?;
        let service = whole(reader.text())?;
        let method = whole(reader.text())?;
        self.login.asked = false;
        let (first_user, first_service) = self.login.who.get_or_insert_with(|| (user.clone(), service.clone()));
        if (&user, &service) != (first_user, first_service) {
            return Err(Fault::Said(format!(
                "Change of username or service not allowed: ({first_user},{first_service}) -> ({user},{service})"
            )));
        }
        let family = if method == HOSTBOUND { PUBLICKEY } else { &method };
        let offered = self.profile.methods.iter().any(|name| name == family);
        let (attempt, question) = match family {
            "none" => {
                whole(reader.end())?;
                (Attempt::None, Question::Login)
            }
            "password" if offered => (Attempt::Password(whole(password(reader))?), Question::Login),
            DIALOGUE if offered => (Attempt::Dialogue, Question::Login),
            PUBLICKEY if offered => self.hear_key(reader, &user, &service, &method)?,
            _ => (Attempt::Unknown, Question::Login),
        };
        self.ask_caller(user, attempt, question);
        Ok(())
    }

    fn hear_key(
        &self,
        mut reader: Reader<'_>,
        user: &str,
        service: &str,
        method: &str,
    ) -> Result<(Attempt, Question), Fault> {
        let signs = whole(reader.boolean())?;
        let algorithm = whole(reader.string())?;
        let blob = whole(reader.string())?;
        let ours = match method {
            HOSTBOUND => Some(whole(reader.string())?),
            _ => None,
        };
        let key = Key {
            algorithm: Reader(blob).text().unwrap_or_default(),
            blob: blob.to_vec(),
        };
        let taken = self.takes(algorithm, &key.algorithm);
        if !signs {
            whole(reader.end())?;
            if !taken {
                return Ok((Attempt::Forged(key), Question::Login));
            }
            let mut known = vec![msg::USERAUTH_PK_OK];
            known.put_string(algorithm);
            known.put_string(blob);
            return Ok((Attempt::Offered(key), Question::Key(known)));
        }
        let signature = whole(reader.string())?;
        whole(reader.end())?;
        let mut signed = Vec::new();
        signed.put_string(self.session.as_deref().unwrap_or_default());
        signed.push(msg::USERAUTH_REQUEST);
        for part in [user, service, method] {
            signed.put_string(part.as_bytes());
        }
        signed.push(1);
        signed.put_string(algorithm);
        signed.put_string(blob);
        ours.iter().for_each(|ours| signed.put_string(ours));
        let proven = self.profile.keys.get(self.proven).map(|key| key.blob.as_slice());
        let bound = ours.is_none() || ours == proven;
        let good = bound && taken && hostkey::verify(algorithm, blob, signature, &signed);
        let attempt = if good { Attempt::Signed } else { Attempt::Forged };
        Ok((attempt(key), Question::Login))
    }

    /// Whether a key may sign by the algorithm.
    fn takes(&self, algorithm: &[u8], key: &str) -> bool {
        let algorithm = String::from_utf8_lossy(algorithm);
        let release = &self.profile.release;
        let kind = algorithm.strip_suffix(CERTIFICATE).unwrap_or(&algorithm);
        match (kind, key.strip_suffix(CERTIFICATE).unwrap_or(key)) {
            ("rsa-sha2-512" | "rsa-sha2-256", "ssh-rsa") => true,
            // Signed with SHA-1.
            ("ssh-rsa" | "ssh-dss", _) => release.rsa.contains(&kind) && kind == key,
            (kind, key) => kind == key && SIGNATURES.contains(&kind),
        }
    }

    fn hear_answers(&mut self, mut reader: Reader<'_>) -> Result<(), Fault> {
        self.login.asked = false;
        let number = whole(reader.number().filter(|number| *number <= MAX_ANSWERS))?;
        let answers = (0..number).map(|_| reader.string().map(<[u8]>::to_vec)).collect();
        let answers = whole(answers)?;
        whole(reader.end())?;
        let user = self.login.who.as_ref().map(|(user, _)| user.clone());
        self.ask_caller(user.unwrap_or_default(), Attempt::Answers(answers), Question::Login);
        Ok(())
    }

    fn ask_caller(&mut self, user: String, attempt: Attempt, question: Question) {
        self.awaiting = Some(Awaiting::Verdict(question));
        self.events.push_back(Event::Tried { user, attempt });
    }

    fn let_in(&mut self) -> Result<(), Fault> {
        self.say(vec![msg::USERAUTH_SUCCESS])?;
        self.stage = Stage::Connection;
        if self.compression[1] {
            self.outbound.deflate = Some(Deflate::default());
        }
        if self.compression[0] {
            self.inbound.inflate = Some(Inflate::default());
        }
        self.show_keys()
    }

    fn refuse(&mut self) -> Result<(), Fault> {
        let mut answer = vec![msg::USERAUTH_FAILURE];
        answer.put_string(self.profile.methods.join(",").as_bytes());
        answer.push(0);
        self.say(answer)
    }

    fn ask(&mut self, prompt: &str) -> Result<(), Fault> {
        self.login.asked = true;
        let mut question = vec![msg::USERAUTH_INFO_REQUEST];
        for part in ["", "", ""] {
            question.put_string(part.as_bytes());
        }
        question.put_number(1);
        question.put_string(prompt.as_bytes());
        question.push(0);
        self.say(question)
    }
}

fn password(mut reader: Reader<'_>) -> Option<Vec<u8>> {
    let changes = reader.boolean()?;
    let password = reader.string()?;
    if changes {
        reader.string()?;
    }
    reader.end()?;
    Some(password.to_vec())
}

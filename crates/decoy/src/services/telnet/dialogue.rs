//! What `login` asks on a terminal before it knows who is there, keys echoed as the kernel echoes them. Pure.

/// login's `LOGIN_RETRIES`.
const TRIES: u32 = 5;
/// The kernel's longest line.
const MAX_LINE: usize = 4095;
/// A longer name is not one.
const MAX_NAME: usize = 255;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    Say(Vec<u8>),
    /// To be answered with [`Dialogue::refuse`], or by a session.
    Try {
        user: Vec<u8>,
        password: Vec<u8>,
    },
    /// An end of file instead of an answer: to be answered with [`Dialogue::refuse`], as a try is.
    NoAnswer,
    Close,
}

pub struct Dialogue {
    prompt: Vec<u8>,
    line: Vec<u8>,
    state: State,
    tries: u32,
    /// What was typed ahead of a question.
    ahead: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Name,
    Password(Vec<u8>),
    /// A try is being judged.
    Waiting,
    Over,
}

// === impl Dialogue ===

impl Dialogue {
    /// Of a machine with that name; the first prompt is part of what it says first.
    pub fn new(hostname: &str) -> Self {
        Self {
            prompt: format!("{hostname} login: ").into_bytes(),
            line: Vec::new(),
            state: State::Name,
            tries: 0,
            ahead: Vec::new(),
        }
    }

    pub fn prompt(&self) -> &[u8] {
        &self.prompt
    }

    /// Takes keys.
    pub fn push(&mut self, keys: &[u8]) -> Vec<Step> {
        let room = MAX_LINE.saturating_sub(self.ahead.len());
        self.ahead.extend(&keys[..keys.len().min(room)]);
        self.go_on()
    }

    /// The try was wrong.
    pub fn refuse(&mut self) -> Vec<Step> {
        self.tries += 1;
        let mut steps = vec![Step::Say(b"\r\nLogin incorrect\r\n".to_vec())];
        if self.tries >= TRIES {
            self.state = State::Over;
            steps.push(Step::Say(
                format!("Maximum number of tries exceeded ({TRIES})\r\n").into_bytes(),
            ));
            steps.push(Step::Close);
            return steps;
        }
        self.state = State::Name;
        steps.push(Step::Say(self.prompt.clone()));
        steps.extend(self.go_on());
        steps
    }

    /// What was typed before the shell was there.
    pub fn into_typed(self) -> Vec<u8> {
        self.ahead
    }

    fn go_on(&mut self) -> Vec<Step> {
        let keys = std::mem::take(&mut self.ahead);
        let mut steps = Vec::new();
        for (at, &key) in keys.iter().enumerate() {
            if matches!(self.state, State::Waiting | State::Over) {
                self.ahead = keys[at..].to_vec();
                break;
            }
            let before = std::mem::discriminant(&self.state);
            self.key(key, &mut steps);
            let asks = matches!(self.state, State::Password(_)) && std::mem::discriminant(&self.state) != before;
            if asks {
                // Asking for a password throws away what was typed ahead, which was echoed when it came.
                steps.push(Step::Say(echo(&keys[at + 1..])));
                steps.push(Step::Say(b"Password: ".to_vec()));
                break;
            }
        }
        joined(steps)
    }

    fn key(&mut self, key: u8, steps: &mut Vec<Step>) {
        let is_shown = self.state == State::Name;
        let mut show = |bytes: &[u8]| {
            if is_shown {
                steps.push(Step::Say(bytes.to_vec()));
            }
        };
        match key {
            b'\r' | b'\n' => {
                steps.push(Step::Say(b"\r\n".to_vec()));
                self.entered(steps);
            }
            0x7f => {
                if self.line.pop().is_some() {
                    show(b"\x08 \x08");
                }
            }
            0x15 => {
                self.line.drain(..).for_each(|_| show(b"\x08 \x08"));
            }
            // login ignores the signals of the keys; the terminal forgets the line.
            0x03 | 0x1c => {
                self.line.clear();
                show(&[b'^', key + 0x40]);
            }
            0x04 if self.line.is_empty() => {
                self.state = State::Waiting;
                steps.push(Step::Say(b"\r\n".to_vec()));
                steps.push(Step::NoAnswer);
            }
            0x04 => {}
            _ if self.line.len() >= MAX_LINE => {}
            _ => {
                self.line.push(key);
                show(&echo(&[key]));
            }
        }
    }

    fn entered(&mut self, steps: &mut Vec<Step>) {
        let line = std::mem::take(&mut self.line);
        match std::mem::replace(&mut self.state, State::Waiting) {
            State::Password(user) => steps.push(Step::Try { user, password: line }),
            _ => {
                let name = line[..line.len().min(MAX_NAME)].to_vec();
                self.state = State::Password(name);
            }
        }
    }
}

/// As the kernel shows keys.
fn echo(keys: &[u8]) -> Vec<u8> {
    let mut shown = Vec::with_capacity(keys.len());
    for &key in keys {
        match key {
            b'\r' | b'\n' => shown.extend(b"\r\n"),
            b'\t' | 0x20.. => shown.push(key),
            _ => shown.extend([b'^', key + 0x40]),
        }
    }
    shown
}

fn joined(steps: Vec<Step>) -> Vec<Step> {
    let mut joined: Vec<Step> = Vec::new();
    for step in steps {
        match (joined.last_mut(), step) {
            (Some(Step::Say(before)), Step::Say(said)) => before.extend(said),
            (_, step) => joined.push(step),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    fn say(text: &str) -> Step {
        Step::Say(text.as_bytes().to_vec())
    }

    fn attempt(user: &str, password: &str) -> Step {
        Step::Try {
            user: user.as_bytes().to_vec(),
            password: password.as_bytes().to_vec(),
        }
    }

    #[test]
    fn a_name_is_echoed_and_a_password_is_not() {
        let mut dialogue = Dialogue::new("h");
        assert_eq!(dialogue.push(b"ro"), [say("ro")]);
        assert_eq!(dialogue.push(b"ot\r"), [say("ot\r\nPassword: ")]);
        assert_eq!(dialogue.push(b"toor\r"), [say("\r\n"), attempt("root", "toor")]);
    }

    #[test]
    fn five_wrong_tries_are_the_last() {
        let mut dialogue = Dialogue::new("h");
        let wrong = |dialogue: &mut Dialogue| {
            dialogue.push(b"a\r");
            dialogue.push(b"b\r");
        };
        for _ in 0..4 {
            wrong(&mut dialogue);
            assert_eq!(joined(dialogue.refuse()), [say("\r\nLogin incorrect\r\nh login: ")]);
        }
        wrong(&mut dialogue);
        let said = say("\r\nLogin incorrect\r\nMaximum number of tries exceeded (5)\r\n");
        assert_eq!(joined(dialogue.refuse()), [said, Step::Close]);
        assert!(dialogue.push(b"root\r").is_empty());
    }

    #[test]
    fn what_is_typed_ahead_of_a_password_is_shown_and_thrown_away() {
        let mut dialogue = Dialogue::new("h");
        assert_eq!(dialogue.push(b"a\rb\r"), [say("a\r\nb\r\nPassword: ")]);
        assert_eq!(dialogue.push(b"c\rroot\rx"), [say("\r\n"), attempt("a", "c")]);
        let steps = joined(dialogue.refuse());
        assert_eq!(steps, [say("\r\nLogin incorrect\r\nh login: root\r\nxPassword: ")]);
        assert_eq!(dialogue.push(b"toor\rid\r"), [say("\r\n"), attempt("root", "toor")]);
        assert_eq!(dialogue.into_typed(), b"id\r");
    }

    #[test]
    fn keys_that_edit_do_as_on_a_terminal() {
        let mut dialogue = Dialogue::new("h");
        let said = say("rx\x08 \x08\x08 \x08b^A\r\nPassword: ");
        assert_eq!(dialogue.push(b"rx\x7f\x15b\x01\r"), [said]);
        assert_eq!(dialogue.push(b"p\x7f\r"), [say("\r\n"), attempt("b\x01", "")]);
        assert_eq!(Dialogue::new("h").push(b"\x04"), [say("\r\n"), Step::NoAnswer]);
        assert_eq!(Dialogue::new("h").push(b"x\x03a\r"), [say("x^Ca\r\nPassword: ")]);
    }

    #[test]
    fn no_line_grows_without_end() {
        let mut dialogue = Dialogue::new("h");
        for _ in 0..100 {
            dialogue.push(&[b'a'; 1000]);
        }
        assert!(dialogue.line.len() <= MAX_LINE && dialogue.ahead.is_empty());
    }
}

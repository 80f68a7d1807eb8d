//! COPY after its first answer: what the client sent, or a program put out.

use super::Session;
use crate::copy;
use crate::cx::{Cx, Host};
use crate::error::Error;

// === impl Session ===

impl Session {
    /// What the client sent after [`Answer::CopyIn`].
    pub fn copied(&mut self, host: &dyn Host, data: &[u8]) -> Result<String, Error> {
        let before = self.cluster.borrow().clone();
        let outcome = match self.copying.take() {
            None => Err(Error::new("08P01", "unexpected message type 0x64")),
            Some(copy) => copy::put(&Cx::new(&self.cluster, &self.state, host), &copy, data),
        };
        if outcome.is_err() {
            *self.cluster.borrow_mut() = before;
            self.fail();
        }
        outcome
    }

    /// The name of the table lines are being copied into.
    pub fn copying(&self) -> Option<&str> {
        self.copying.as_ref().map(|copy| copy.name.as_str())
    }

    /// What the program of [`Answer::Program`] put out, and how it ended.
    pub fn ran(&mut self, host: &dyn Host, output: &[u8], status: Option<i32>) -> Result<String, Error> {
        let copy = self.copying.take();
        let outcome = match status {
            Some(0) => match &copy {
                Some(copy) if copy.into => copy::put(&Cx::new(&self.cluster, &self.state, host), copy, output),
                Some(copy) => Ok(format!("COPY {}", copy.lines)),
                None => Ok("COPY 0".into()),
            },
            status => {
                let command = copy.map(|copy| copy.program).unwrap_or_default();
                let detail = match status {
                    Some(127) => "command not found".to_owned(),
                    Some(126) => "command not executable".to_owned(),
                    Some(status) => format!("child process exited with exit code {status}"),
                    None => "child process was terminated by signal 9: Killed".to_owned(),
                };
                Err(Error::new("38000", format!("program \"{command}\" failed"))
                    .detail(detail)
                    .raised("copyfromparse.c", 1, "ClosePipeFromProgram"))
            }
        };
        if outcome.is_err() {
            self.fail();
        }
        outcome
    }
}

//! Running the tools people and attackers use.

use std::io::Read;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

pub struct Ran {
    /// -1 when a signal ended it.
    pub code: i32,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
}

/// Runs a shell line; a tool that hangs is killed and is an error that names it.
pub fn sh(line: &str) -> Result<Ran> {
    sh_within(line, Duration::from_secs(60))
}

pub fn sh_within(line: &str, limit: Duration) -> Result<Ran> {
    let mut child = Command::new("timeout")
        .args(["--kill-after=2", &limit.as_secs().to_string(), "bash", "-c", line])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start `{line}`"))?;
    let mut err = child.stderr.take().context("stderr is piped")?;
    let errors = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        err.read_to_end(&mut bytes).map(|_| bytes)
    });
    let mut stdout = Vec::new();
    child
        .stdout
        .take()
        .context("stdout is piped")?
        .read_to_end(&mut stdout)?;
    let status = child.wait()?;
    let stderr = errors.join().map_err(|_| anyhow::anyhow!("reader of stderr"))??;
    let code = status.code().unwrap_or(-1);
    if code == 127 {
        bail!("`{line}`: {}", String::from_utf8_lossy(&stderr));
    }
    if code == 124 {
        bail!(
            "`{line}` did not end within {limit:?}; so far: {}",
            String::from_utf8_lossy(&stdout)
        );
    }
    Ok(Ran { code, stdout, stderr })
}

/// Runs a shell line that must succeed, and returns what it printed.
pub fn must(line: &str) -> Result<String> {
    let ran = sh_within(line, Duration::from_secs(300))?;
    if ran.code != 0 {
        bail!(
            "`{line}` ended with {}: {}{}",
            ran.code,
            ran.text(),
            String::from_utf8_lossy(&ran.stderr)
        );
    }
    Ok(ran.text())
}

/// Asks again until the answer is there, for as long as `limit`.
pub fn until<T>(what: &str, limit: Duration, mut ask: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let start = Instant::now();
    loop {
        if let Some(found) = ask()? {
            return Ok(found);
        }
        if start.elapsed() > limit {
            bail!("{what}: not within {limit:?}");
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

impl Ran {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }
}

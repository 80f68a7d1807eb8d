//! The product as a user has it: the built `decnet`, a state folder of its own, a grid of a few deckies.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::probe::Subject;
use crate::tools;

/// One grid for all tests of a run: made by the first that asks, taken down by the task runner.
pub struct Grid {
    pub state: PathBuf,
    workers: Mutex<Option<Child>>,
}

pub const PLAN: &str = "\
[general]
net = 10.201.0.0/24

[e2e-nginx]
ip = 10.201.0.11
services = ssh, telnet, http, https, ftp, redis
distro = debian

[e2e-nginx.ssh]
users = root:toor-e2e, kim:sunflower9

[e2e-nginx.redis]
bait = no
[e2e-nginx.http]
persona = nginx
[e2e-nginx.https]
persona = nginx

[e2e-apache]
ip = 10.201.0.12
services = ssh, http, https
distro = debian

[e2e-apache.ssh]
users = root:toor-e2e, kim:sunflower9

[e2e-apache.http]
persona = apache
[e2e-apache.https]
persona = apache
";

pub const USER: &str = "kim";
pub const PASSWORD: &str = "sunflower9";
pub const ROOT_PASSWORD: &str = "toor-e2e";
pub const NGINX: &str = "10.201.0.11";
pub const APACHE: &str = "10.201.0.12";

/// The grid, up, with all workers running in one `decnet up`.
pub fn grid() -> &'static Grid {
    static GRID: OnceLock<Grid> = OnceLock::new();
    GRID.get_or_init(|| Grid::start().unwrap_or_else(|error| panic!("the grid does not come up: {error:#}")))
}

// === impl Grid ===

impl Grid {
    fn start() -> Result<Self> {
        let state = root().join("target/e2e/state");
        let grid = Self {
            state,
            workers: Mutex::new(None),
        };
        grid.decnet(&["teardown", "--all", "--yes"])?;
        if grid.state.exists() {
            std::fs::remove_dir_all(&grid.state)?;
        }
        std::fs::create_dir_all(&grid.state)?;
        let plan = grid.state.join("grid.ini");
        std::fs::write(&plan, PLAN)?;
        let plan = plan.to_str().context("plan path is UTF-8")?;
        grid.decnet(&["deploy", "--driver", "bridge", "--config", plan, "--yes", "--seed", "7"])?;
        grid.start_workers()?;
        Ok(grid)
    }

    /// `decnet up` over the grid that stands; waits until it says it is ready.
    pub fn start_workers(&self) -> Result<()> {
        let log = std::fs::File::create(self.state.join("up.log"))?;
        let child = self
            .command(&["up", "--no-color"])
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("decnet up")?;
        *self.lock() = Some(child);
        tools::until("decnet up to be ready", Duration::from_secs(60), || {
            Ok(std::fs::read_to_string(self.state.join("up.log"))?
                .contains("ready")
                .then_some(()))
        })
    }

    /// Kill -9, as a crash would.
    pub fn kill_workers(&self) -> Result<()> {
        let Some(mut child) = self.lock().take() else {
            bail!("decnet up is not running")
        };
        child.kill()?;
        child.wait()?;
        Ok(())
    }

    pub fn decnet(&self, args: &[&str]) -> Result<String> {
        let out = self.command(args).output().context("decnet")?;
        if !out.status.success() {
            bail!(
                "decnet {} ended with {:?}\n{}{}",
                args.join(" "),
                out.status.code(),
                String::from_utf8_lossy(&out.stdout),
                String::from_utf8_lossy(&out.stderr)
            );
        }
        Ok(String::from_utf8_lossy(&out.stdout).into_owned())
    }

    pub fn json(&self, args: &[&str]) -> Result<Value> {
        let text = self.decnet(args)?;
        serde_json::from_str(&text).with_context(|| format!("decnet {}: {text}", args.join(" ")))
    }

    /// Waits for an event that `wanted` accepts, among those of one decky.
    pub fn event(&self, decky: &str, kind: &str, wanted: impl Fn(&Value) -> bool) -> Result<Value> {
        tools::until(&format!("a {kind} event of {decky}"), Duration::from_secs(20), || {
            let events = self.json(&["events", "--json", "--decky", decky, "--kind", kind, "--limit", "1000"])?;
            Ok(events
                .as_array()
                .context("a list")?
                .iter()
                .find(|event| wanted(event))
                .cloned())
        })
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command
            .args(args)
            .env("DECNET_STATE_DIR", &self.state)
            .env("NO_COLOR", "1");
        command
    }

    pub fn subject(&self, host: &str) -> Result<Subject> {
        let line = format!("sshpass -p {PASSWORD} ssh {SSH} {USER}@{host} hostname");
        let hostname = tools::must(&line)?.trim().to_owned();
        Ok(Subject {
            host: host.into(),
            user: USER.into(),
            password: PASSWORD.into(),
            hostname,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Option<Child>> {
        self.workers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Options that keep ssh from asking.
pub const SSH: &str = "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR";

/// The repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

pub fn binary() -> PathBuf {
    std::env::var_os("DECNET_BIN").map_or_else(|| root().join("target/debug/decnet"), PathBuf::from)
}

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

[e2e-victim]
ip = 10.201.0.13
services = ssh, redis
distro = debian

[e2e-victim.ssh]
users = root:toor-e2e, kim:sunflower9

[e2e-mail]
ip = 10.201.0.14
services = ssh, smtp, imap, pop3
distro = debian

[e2e-mail.ssh]
users = root:toor-e2e, kim:sunflower9

[e2e-data]
ip = 10.201.0.15
services = ssh, mysql, postgres, elasticsearch, mongodb
distro = debian

[e2e-data.ssh]
users = root:toor-e2e, kim:sunflower9

[e2e-data.mysql]
password = sunflower9

[e2e-data.postgres]
password = sunflower9

[e2e-cloud]
ip = 10.201.0.16
services = ssh, docker_api, k8s
distro = debian

[e2e-cloud.ssh]
users = root:toor-e2e, kim:sunflower9

[e2e-cloud.docker_api]
bait = no
";

pub const USER: &str = "kim";
pub const PASSWORD: &str = "sunflower9";
pub const ROOT_PASSWORD: &str = "toor-e2e";
pub const NGINX: &str = "10.201.0.11";
pub const APACHE: &str = "10.201.0.12";
/// Its services are killed in a test, and take minutes to come back.
pub const VICTIM: &str = "10.201.0.13";
pub const MAIL: &str = "10.201.0.14";
pub const DATA: &str = "10.201.0.15";
pub const CLOUD: &str = "10.201.0.16";

/// The grid, up, with all workers running in one `decnet up`.
pub fn grid() -> &'static Grid {
    static GRID: OnceLock<Grid> = OnceLock::new();
    GRID.get_or_init(|| Grid::start().unwrap_or_else(|error| panic!("the grid does not come up: {error:#}")))
}

// === impl Grid ===

impl Grid {
    /// None deployed yet, with a fresh state folder of that name.
    pub fn at(name: &str) -> Self {
        let target = root().join("target/e2e");
        let state = target.join(name);
        let _ = std::fs::remove_dir_all(&state);
        // Made from packages once, by whichever test comes first, and kept from run to run.
        let images = root().join("target/tmp/images");
        let _ = std::fs::create_dir_all(&images);
        let _ = std::fs::create_dir_all(&state);
        let _ = std::os::unix::fs::symlink(images, state.join("images"));
        Self {
            state,
            workers: Mutex::new(None),
        }
    }

    fn start() -> Result<Self> {
        let grid = Self::at("state");
        grid.decnet(&["teardown", "--all", "--yes"])?;
        let plan = grid.state.join("grid.ini");
        std::fs::write(&plan, PLAN)?;
        let plan = plan.to_str().context("plan path is UTF-8")?;
        grid.decnet(&["deploy", "--driver", "bridge", "--config", plan, "--yes", "--seed", "7"])?;
        grid.start_workers()?;
        Ok(grid)
    }

    /// `decnet up` over the grid that stands; waits until it says it is ready.
    pub fn start_workers(&self) -> Result<()> {
        self.start_workers_with(&[])
    }

    pub fn start_workers_with(&self, args: &[&str]) -> Result<()> {
        let log = self.state.join("up.log");
        let child = self.start_logged(&[&["up", "--no-color"], args].concat(), &log)?;
        *self.lock() = Some(child);
        wait_for_word("ready", &log)
    }

    /// Starts `decnet` with what it says going to `log`.
    pub fn start_logged(&self, args: &[&str], log: &Path) -> Result<Child> {
        let log = std::fs::File::create(log)?;
        let mut command = self.command(args);
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        command.spawn().with_context(|| format!("decnet {}", args.join(" ")))
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

    pub fn has_workers(&self) -> bool {
        self.lock().is_some()
    }

    /// As Ctrl-C does.
    pub fn stop_workers(&self) -> Result<()> {
        let Some(mut child) = self.lock().take() else {
            bail!("decnet up is not running")
        };
        tools::must(&format!("kill -INT {}", child.id()))?;
        let status = child.wait()?;
        if !status.success() {
            bail!("decnet up ended with {:?}", status.code());
        }
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

/// Waits until a program that logs to `log` says `word`.
pub fn wait_for_word(word: &str, log: &Path) -> Result<()> {
    let said = || std::fs::read_to_string(log);
    let found = tools::until(&format!("`{word}`"), Duration::from_secs(180), || {
        Ok(said()?.contains(word).then_some(()))
    });
    found.with_context(|| format!("so far:\n{}", said().unwrap_or_default()))
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

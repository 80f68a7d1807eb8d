//! What the commands about the grid on this host share.

use std::io::IsTerminal as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use engine::apply::{Engine, Outcome, Paths};
use engine::{Docker, Scope};
use fleet::Catalogue;
use fleet::catalogue::Distro;
use store::Store;

use crate::context::Context;
use crate::exit::{Code, Failure, Result};
use crate::output::tell;
use crate::progress::Bar;

/// Where a packaged decoy binary lies.
const PACKAGED: &str = "/usr/libexec/decnet/decoy";

/// The hand that changes the grid.
pub fn hand(cx: &Context, docker: &Docker, store: &Store) -> Result<Engine> {
    Ok(Engine::new(docker.clone(), store.clone(), Scope::fleet(), paths(cx)))
}

/// Where things lie on this host.
pub fn paths(cx: &Context) -> Paths {
    let state_file = std::env::var_os("DECNET_STATE_FILE").map(PathBuf::from);
    Paths {
        state_dir: cx.state_dir().to_owned(),
        state_file: state_file.unwrap_or_else(|| cx.state_dir().join("decnet-state.json")),
        decoy: decoy(),
    }
}

/// `DECNET_DECOY`, else beside this program, else where packages put it.
fn decoy() -> PathBuf {
    if let Some(path) = std::env::var_os("DECNET_DECOY") {
        return path.into();
    }
    let beside = std::env::current_exe()
        .ok()
        .and_then(|exe| Some(exe.parent()?.join("decoy")));
    beside.filter(|path| path.exists()).unwrap_or_else(|| PACKAGED.into())
}

pub fn distros(catalogue: &Catalogue) -> Vec<Distro> {
    catalogue.distros().cloned().collect()
}

/// Networks, walls and namespaces are root's.
pub fn need_root() -> Result {
    if std::fs::metadata("/proc/self")?.uid() == 0 {
        return Ok(());
    }
    Err(
        Failure::new(Code::Unreachable, "only root can build networks and walls")
            .help("run it again with sudo")
            .into(),
    )
}

pub async fn docker() -> Result<Docker> {
    Docker::connect().await.map_err(engine_failed)
}

/// Asks before something is taken away; not on a terminal, `--yes` has to have said it.
pub fn confirm(question: &str, yes: bool) -> Result {
    if yes {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() {
        return Err(
            Failure::new(Code::Usage, format!("{question} Nobody is there to answer"))
                .help("say --yes if you mean it")
                .into(),
        );
    }
    tell(format_args!("{question} [y/N] "));
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    if matches!(answer.trim(), "y" | "Y" | "yes") {
        return Ok(());
    }
    Err(Failure::new(Code::Interrupted, "nothing was changed").into())
}

/// Says what became of an operation, and fails when it is not all that was asked for.
pub fn told(cx: &Context, outcome: &Outcome, bar: &Bar, did: &str) -> Result {
    if cx.out.json {
        cx.out.value(outcome)?;
    }
    let seconds = bar.seconds();
    let (changed, all) = (outcome.changed(), outcome.deckies.len());
    for decky in &outcome.deckies {
        if let Some(error) = &decky.error {
            tell(format_args!("error: `{}`: {error}\n", decky.name));
        } else if !decky.closed.is_empty() {
            let ports: Vec<_> = decky.closed.iter().map(|port| port.port.to_string()).collect();
            let ports = ports.join(", ");
            tell(format_args!(
                "warning: `{}` is up, but port {ports} is closed\n",
                decky.name
            ));
        }
    }
    if outcome.is_complete() {
        cx.out.note(&format!(
            "{changed} deckies {did} in {seconds:.1} s, {} unchanged",
            all - changed
        ));
        return Ok(());
    }
    let ending = if outcome.rolled_back {
        "all is as it was before"
    } else {
        "the others are as asked for"
    };
    Err(Failure::new(Code::Partial, format!("not every decky could be dealt with; {ending}")).into())
}

/// An engine's error with the exit code its kind has.
pub fn engine_failed(error: engine::Error) -> anyhow::Error {
    let code = match error.kind() {
        engine::Kind::Invalid => Code::Invalid,
        engine::Kind::Runtime => Code::Unreachable,
        engine::Kind::Conflict => Code::Conflict,
    };
    Failure::new(code, error.to_string()).into()
}

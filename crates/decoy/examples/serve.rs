//! Runs one service in the foreground for trying it out, reports on stdout:
//! `cargo run -p decoy --example serve -- redis 6379 [spec.json]` (spec: a `model::machine::MachineSpec`).

use std::sync::Arc;

use decoy::machine::Machine;
use decoy::report::Reporter;
use model::machine::{MachineSpec, Port, ServiceSpec};
use tokio::sync::watch;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let slug = args.next().ok_or("usage: serve SLUG PORT [SPEC]")?;
    let port: u16 = args.next().ok_or("usage: serve SLUG PORT [SPEC]")?.parse()?;
    let mut spec: MachineSpec = match args.next() {
        Some(path) => serde_json::from_slice(&std::fs::read(path)?)?,
        None => serde_json::from_str(
            r#"{"generation":1,"hostname":"app-web-03","distro":"debian","seed":"00","users":[],"keys":{},"services":[]}"#,
        )?,
    };
    if !spec.services.iter().any(|service| service.slug == slug) {
        let service = serde_json::json!({"slug": slug, "ports": []});
        spec.services.push(serde_json::from_value(service)?);
    }
    let mut service: ServiceSpec = spec
        .services
        .iter()
        .find(|service| service.slug == slug)
        .cloned()
        .ok_or("no such service")?;
    let tls = service.ports.first().is_some_and(|port| port.tls) || slug == "https";
    service.ports = vec![Port {
        port,
        proto: Default::default(),
        tls,
    }];
    let entry = decoy::services::entry(&slug).ok_or("no such service")?;
    let root = std::env::var("ROOT").unwrap_or_else(|_| "/".to_owned());
    let machine = Arc::new(Machine::new(root, spec));
    let reporter = Reporter::start(std::io::stdout());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (_stop, stopped) = watch::channel(false);
    let local = tokio::task::LocalSet::new();
    Ok(local.block_on(&runtime, decoy::host::run(entry, machine, service, reporter, stopped))?)
}

//! Keys and certificates of a machine: its own, made once, the same after every redeploy (deploy.md §7.3, B-46).
//!
//! They follow from the machine's seed, which follows from the installation's secret. The RSA keys take a third of a
//! second of one core: making them is separate from planning, per decky, so that callers spread it over threads.

mod certificate;
mod der;

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use model::fleet::{DeckySpec, FleetSpec};
use model::machine::{Keys, MachineSpec};
use rsa::RsaPrivateKey;
use rsa::pkcs8::EncodePrivateKey;
use ssh_key::private::{EcdsaKeypair, Ed25519Keypair, KeypairData, RsaKeypair};
use ssh_key::{EcdsaCurve, LineEnding, PrivateKey};
use time::OffsetDateTime;

use crate::Catalogue;
use crate::diagnostic::Diagnostic;
use crate::draw::Seed;

/// What `ssh-keygen` makes by default.
const SSH_RSA_BITS: usize = 3072;
/// What the distros' own certificates have.
const TLS_RSA_BITS: usize = 2048;

/// Makes the keys every decky of the fleet lacks, on that many threads; how many deckies got some.
pub fn forge_missing(
    catalogue: &Catalogue,
    fleet: &mut FleetSpec,
    now: OffsetDateTime,
    threads: NonZeroUsize,
) -> Result<usize, Diagnostic> {
    let lacking: Vec<usize> = (0..fleet.deckies.len())
        .filter(|&n| lacks_keys(&fleet.deckies[n]))
        .collect();
    let next = AtomicUsize::new(0);
    let work = || {
        let mut made = Vec::new();
        while let Some(&n) = lacking.get(next.fetch_add(1, Ordering::Relaxed)) {
            made.push((n, forge(catalogue, &fleet.deckies[n], now)));
        }
        made
    };
    let made: Vec<_> = thread::scope(|scope| {
        let count = threads.get().min(lacking.len());
        let workers: Vec<_> = (0..count).map(|_| scope.spawn(work)).collect();
        workers
            .into_iter()
            .flat_map(|worker| worker.join().unwrap_or_default())
            .collect()
    });
    for (n, keys) in made {
        fleet.deckies[n].machine.keys = keys?;
    }
    match fleet.deckies.iter().find(|decky| lacks_keys(decky)) {
        Some(decky) => Err(failed(decky, "a thread ended early")),
        None => Ok(lacking.len()),
    }
}

/// The decky has to get keys before it is deployed. A machine has those of the services it runs.
pub fn lacks_keys(decky: &DeckySpec) -> bool {
    let Keys {
        ssh_ed25519,
        ssh_ecdsa,
        ssh_rsa,
        tls_cert,
        tls_key,
    } = &decky.machine.keys;
    let lacks = |keys: &[&String]| keys.iter().any(|key| key.is_empty());
    (runs_ssh(&decky.machine) && lacks(&[ssh_ed25519, ssh_ecdsa, ssh_rsa]))
        || (speaks_tls(&decky.machine) && lacks(&[tls_cert, tls_key]))
}

fn runs_ssh(machine: &MachineSpec) -> bool {
    machine.services.iter().any(|service| service.slug == "ssh")
}

/// On a port of its own, or as PostgreSQL does, on the one it has.
fn speaks_tls(machine: &MachineSpec) -> bool {
    let mut services = machine.services.iter();
    services.any(|service| {
        matches!(service.slug.as_str(), "mysql" | "postgres") || service.ports.iter().any(|port| port.tls)
    })
}

/// The decky's keys with those it lacks made; the others stay.
pub fn forge(catalogue: &Catalogue, decky: &DeckySpec, now: OffsetDateTime) -> Result<Keys, Diagnostic> {
    let machine = &decky.machine;
    let seed = Seed::from_hex(&machine.seed).ok_or_else(|| failed(decky, "the seed is not 64 hex digits"))?;
    let mut keys = machine.keys.clone();
    if runs_ssh(machine) {
        ssh_keys(&seed, &machine.hostname, &mut keys).map_err(|error| failed(decky, error))?;
    }
    if speaks_tls(machine) && (keys.tls_cert.is_empty() || keys.tls_key.is_empty()) {
        let style = catalogue.distro(&machine.distro)?.certificate;
        let tls_key = rsa_pem(&seed, "keys/tls").map_err(|error| failed(decky, error))?;
        keys.tls_cert = certificate::issue(style, &certificate_name(machine), &tls_key, &seed, now)
            .map_err(|error| failed(decky, error))?;
        keys.tls_key = tls_key;
    }
    Ok(keys)
}

/// The name the machine's own certificate is made out to: what was configured, else what it is called.
pub(crate) fn certificate_name(machine: &MachineSpec) -> String {
    let configured = machine
        .services
        .iter()
        .find_map(|service| service.config.get("tls_cn")?.as_str());
    match (configured, &machine.domain[..]) {
        (Some(name), _) => name.to_owned(),
        (None, "") => machine.hostname.clone(),
        (None, domain) => format!("{}.{domain}", machine.hostname),
    }
}

fn ssh_keys(seed: &Seed, hostname: &str, keys: &mut Keys) -> ssh_key::Result<()> {
    let comment = format!("root@{hostname}");
    let file = |data: KeypairData| -> ssh_key::Result<String> {
        Ok(PrivateKey::new(data, comment.as_str())?
            .to_openssh(LineEnding::LF)?
            .to_string())
    };
    if keys.ssh_ed25519.is_empty() {
        keys.ssh_ed25519 = file(Ed25519Keypair::random(seed.stream("keys/ssh_ed25519").rng()).into())?;
    }
    if keys.ssh_ecdsa.is_empty() {
        let pair = EcdsaKeypair::random(seed.stream("keys/ssh_ecdsa").rng(), EcdsaCurve::NistP256)?;
        keys.ssh_ecdsa = file(pair.into())?;
    }
    if keys.ssh_rsa.is_empty() {
        keys.ssh_rsa = file(RsaKeypair::random(seed.stream("keys/ssh_rsa").rng(), SSH_RSA_BITS)?.into())?;
    }
    Ok(())
}

/// PKCS#8, as `openssl req -nodes` writes it.
fn rsa_pem(seed: &Seed, purpose: &str) -> Result<String, String> {
    let key = RsaPrivateKey::new(seed.stream(purpose).rng(), TLS_RSA_BITS).map_err(|error| error.to_string())?;
    Ok(key
        .to_pkcs8_pem(rsa::pkcs8::LineEnding::LF)
        .map_err(|error| error.to_string())?
        .to_string())
}

fn failed(decky: &DeckySpec, error: impl std::fmt::Display) -> Diagnostic {
    Diagnostic::error(
        "E_KEYS",
        format!("the keys of decky `{}` cannot be made: {error}", decky.name),
    )
    .help("this should not happen: please report it with the version of the program")
}

#[cfg(test)]
mod tests;

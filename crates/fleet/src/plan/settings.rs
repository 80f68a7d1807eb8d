//! What the operator set for a decky's services, and what of it concerns the whole machine.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::accounts::Wishes;
use crate::catalogue::Service;
use crate::coerce::{self, Given};
use crate::diagnostic::{Diagnostic, Diagnostics, Place};
use crate::request::Wanted;

#[derive(Default)]
pub(super) struct Settings {
    /// By service slug.
    pub(super) services: BTreeMap<String, BTreeMap<String, Value>>,
    pub(super) accounts: Wishes,
    pub(super) hostname: Option<String>,
    /// Certificate chain and key the operator brought, PEM.
    pub(super) tls: Option<(String, String)>,
    machine: BTreeMap<String, (Value, Option<Place>)>,
}

// === impl Settings ===

impl Settings {
    pub(super) fn read(wanted: &Wanted, services: &[&Service], found: &mut Diagnostics) -> Self {
        let mut settings = Self::default();
        for (slug, given) in &wanted.config {
            match services.iter().find(|service| service.slug == *slug) {
                Some(service) => settings.service(wanted, service, given, found),
                None => found.push(unused(wanted, slug, given)),
            }
        }
        if let Some(hostname) = &wanted.hostname {
            settings.insert(
                wanted,
                "hostname",
                Value::from(hostname.as_str()),
                wanted.place("hostname"),
                found,
            );
        }
        settings.hostname = settings.text("hostname");
        let machine = settings
            .machine
            .iter()
            .map(|(key, (value, _))| (key.clone(), value.clone()))
            .collect();
        match Wishes::read(&machine) {
            Ok(wishes) => settings.accounts = wishes,
            Err((key, why)) => found.push(
                Diagnostic::error("E_CONFIG_VALUE", format!("decky `{}`: `{key}`: {why}", wanted.name))
                    .at(settings.place(key))
                    .help("correct the value, or remove the line"),
            ),
        }
        settings.tls = settings.certificate(wanted, found);
        settings.common_name(wanted, found);
        settings
    }

    /// Where the machine's key was set.
    pub(super) fn place(&self, key: &str) -> Option<Place> {
        self.machine.get(key)?.1.clone()
    }

    fn service(&mut self, wanted: &Wanted, service: &Service, given: &[Given], found: &mut Diagnostics) {
        let (coerced, said) = coerce::config(service, given);
        found.extend(said);
        for (key, value) in coerced.machine {
            let place = given
                .iter()
                .find(|given| service.field(&given.key).is_some_and(|field| field.key == key));
            self.insert(wanted, &key, value, place.and_then(|given| given.place.clone()), found);
        }
        self.services.insert(service.slug.clone(), coerced.service);
        if let Some(asked) = self.persona(&service.slug)
            && !service.personas.iter().any(|persona| persona.id.starts_with(asked))
        {
            let ids: Vec<_> = service.personas.iter().map(|persona| persona.id.as_str()).collect();
            let place = given
                .iter()
                .find(|given| given.key == "persona")
                .and_then(|given| given.place.clone());
            found.push(
                Diagnostic::error("E_PERSONA", format!("`{}` has no persona `{asked}`", service.slug))
                    .at(place)
                    .help(format!("one of: {}", ids.join(", "))),
            );
        }
    }

    /// Which product a service was asked to claim: a persona's id, or how it begins.
    pub(super) fn persona(&self, slug: &str) -> Option<&str> {
        self.services.get(slug)?.get("persona")?.as_str()
    }

    /// One machine, one truth: two services may say the same of it, not different things.
    fn insert(&mut self, wanted: &Wanted, key: &str, value: Value, place: Option<Place>, found: &mut Diagnostics) {
        let first = self
            .machine
            .entry(key.to_owned())
            .or_insert_with(|| (value.clone(), place.clone()));
        if first.0 != value {
            let what = format!("decky `{}` is told two different things for `{key}`", wanted.name);
            found.push(
                Diagnostic::error("E_CONFIG_CONFLICT", what)
                    .at([first.1.clone(), place].into_iter().flatten())
                    .help("the accounts and the name of a machine are those of all its services: say it once"),
            );
        }
    }

    fn certificate(&self, wanted: &Wanted, found: &mut Diagnostics) -> Option<(String, String)> {
        // The chain is no secret and stays with its service: that is how a plan sees it gone.
        let brought = self
            .services
            .values()
            .find_map(|config| config.get("tls_cert")?.as_str());
        let (at, what, help) = match (brought, self.text("tls_key")) {
            (None, None) => return None,
            (Some(_), None) => ("", "`tls_cert` has no `tls_key`", "give both or neither"),
            (None, Some(_)) => ("tls_key", "`tls_key` has no `tls_cert`", "give both or neither"),
            (Some(cert), Some(_)) if !cert.contains("-----BEGIN CERTIFICATE-----") => (
                "",
                "`tls_cert` is no PEM certificate",
                "give the file's text, as `b64:` and its base64 on one line",
            ),
            (Some(_), Some(key)) if rcgen::KeyPair::from_pem(&key).is_err() => (
                "tls_key",
                "`tls_key` is no PKCS#8 key in PEM",
                "convert it with `openssl pkcs8 -topk8 -nodes`",
            ),
            (Some(cert), Some(key)) => return Some((cert.to_owned(), key)),
        };
        let place = self.place(at).or_else(|| wanted.place(""));
        let what = format!("decky `{}`: {what}", wanted.name);
        found.push(Diagnostic::error("E_CONFIG_VALUE", what).at(place).help(help));
        None
    }

    fn common_name(&self, wanted: &Wanted, found: &mut Diagnostics) {
        // RFC 5280, ub-common-name.
        const LONGEST: usize = 64;
        let names = self
            .services
            .values()
            .filter_map(|config| config.get("tls_cn")?.as_str());
        for name in names.filter(|name| name.len() > LONGEST || !name.bytes().all(|b| b.is_ascii_graphic())) {
            let what = format!(
                "decky `{}`: `tls_cn` is no name for a certificate: `{name}`",
                wanted.name
            );
            found.push(
                Diagnostic::error("E_CONFIG_VALUE", what)
                    .at(wanted.place(""))
                    .help("write a DNS name of at most 64 characters"),
            );
        }
    }

    fn text(&self, key: &str) -> Option<String> {
        Some(self.machine.get(key)?.0.as_str()?.to_owned())
    }
}

fn unused(wanted: &Wanted, slug: &str, given: &[Given]) -> Diagnostic {
    let place = given.iter().find_map(|given| given.place.clone());
    Diagnostic::warning(
        "W_CONFIG_UNUSED",
        format!(
            "decky `{}` does not run `{slug}`: its settings are ignored",
            wanted.name
        ),
    )
    .at(place)
    .help(format!("add `{slug}` to its services, or remove the settings"))
}

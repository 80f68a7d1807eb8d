//! All ways of telling that the settings name.

use std::path::Path;
use std::sync::Arc;

use detect::Config;
use store::{Finding, Store};

use crate::Error;
use crate::alert::AlertLog;
use crate::channel::Channel;
use crate::isolate::Isolate;
use crate::mail::Mail;
use crate::secret::Secret;
use crate::syslog::Syslog;
use crate::webhook::Webhook;

/// Who can be told, and who is when a rule does not say.
#[derive(Clone)]
pub struct Channels {
    pub(crate) all: Arc<[Arc<dyn Channel>]>,
    pub(crate) isolate: Option<Arc<Isolate>>,
    usual: Arc<[String]>,
    min_confidence: u8,
    pub(crate) simulate: bool,
    pub(crate) dead_letters: Arc<Path>,
}

/// The secret's file, in the state folder.
const SECRET: &str = "webhook-secret";

// === impl Channels ===

impl Channels {
    /// `state` is the folder that files without a path lie in.
    ///
    /// # Errors
    /// When somebody could not be told as the settings say.
    pub fn new(config: &Config, state: &Path, store: &Store) -> Result<Self, Error> {
        let mut all: Vec<Arc<dyn Channel>> = vec![Arc::new(AlertLog::new(state.join(&config.alert_log)))];
        if !config.webhooks.is_empty() {
            let file = if config.webhook_secret.is_empty() {
                SECRET
            } else {
                &config.webhook_secret
            };
            let secret = Secret::at(&state.join(file))?;
            for setting in &config.webhooks {
                all.push(Arc::new(Webhook::new(setting, secret.clone(), config.webhook_private)?));
            }
        }
        if !config.mail_server.is_empty() {
            all.push(Arc::new(Mail::new(config)?));
        }
        if !config.syslog_target.is_empty() {
            all.push(Arc::new(Syslog::new(&config.syslog_target, config.syslog_format)?));
        }
        let isolate = match config.isolate {
            true => Some(Arc::new(Isolate::new(config, store.clone())?)),
            false => None,
        };
        all.extend(isolate.clone().map(|isolate| isolate as Arc<dyn Channel>));
        let usual: Vec<String> = config.respond.iter().map(|responder| responder.0.clone()).collect();
        let channels = Self {
            all: all.into(),
            isolate,
            usual: usual.into(),
            min_confidence: config.min_confidence.0,
            simulate: config.simulate,
            dead_letters: state.join(&config.webhook_dead).into(),
        };
        match channels.usual.iter().find(|name| !channels.knows(name)) {
            Some(name) => {
                let kind = name.split(':').next().unwrap_or_default();
                Err(Error::Nobody(name.clone(), kind.to_owned()))
            }
            None => Ok(channels),
        }
    }

    /// Whether anybody is called so.
    pub fn knows(&self, name: &str) -> bool {
        self.named(name).next().is_some()
    }

    /// Who is told of a finding: those its rule names, else the usual ones. Of notices, and of what is not sure enough
    /// to count, nobody is.
    pub(crate) fn told_of(&self, finding: &Finding) -> Vec<String> {
        if finding.class != "detection" || finding.confidence < self.min_confidence {
            return Vec::new();
        }
        let own = finding.detail.get("respond").and_then(|names| names.as_array());
        let own = own.map(|names| names.iter().filter_map(|name| name.as_str()).collect::<Vec<_>>());
        let names = own.unwrap_or_else(|| self.usual.iter().map(String::as_str).collect());
        let severity = detect::Severity::parse(&finding.severity);
        let mut told: Vec<String> = Vec::new();
        for channel in names.iter().flat_map(|name| self.named(name)) {
            let grave = severity.is_some_and(|severity| severity >= channel.least());
            if grave && !told.iter().any(|known| known == channel.name()) {
                told.push(channel.name().to_owned());
            }
        }
        told
    }

    /// `webhook` are all of that kind.
    fn named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Arc<dyn Channel>> {
        self.all.iter().filter(move |channel| {
            let kind = channel.name().split(':').next();
            channel.name() == name || kind == Some(name)
        })
    }
}

impl std::fmt::Debug for Channels {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list()
            .entries(self.all.iter().map(|channel| channel.name()))
            .finish()
    }
}

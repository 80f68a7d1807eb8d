//! Findings to a log collector, over the link that events go by.

use detect::config::SyslogFormat;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use siem::{Connector, Link, finding};
use store::{Delivery, LOCAL};
use tokio::sync::Mutex;

use crate::Error;
use crate::channel::{Channel, Sent, all};

pub(crate) struct Syslog {
    link: Mutex<Link>,
    format: SyslogFormat,
}

/// About a day, at the longest pause of five minutes.
const TRIES: u32 = 300;

impl Syslog {
    pub(crate) fn new(target: &str, format: SyslogFormat) -> Result<Self, Error> {
        let connector = Connector::new(target.parse()?)?;
        Ok(Self {
            link: Mutex::new(Link::new(connector)),
            format,
        })
    }
}

impl Channel for Syslog {
    fn name(&self) -> &str {
        "syslog"
    }

    fn tries(&self) -> u32 {
        TRIES
    }

    fn send<'a>(&'a self, due: &'a [Delivery]) -> BoxFuture<'a, Vec<Sent>> {
        let message = match self.format {
            SyslogFormat::Rfc5424 => finding::message,
            SyslogFormat::Cef => finding::cef,
        };
        let messages: Vec<String> = due.iter().map(|delivery| message(&delivery.finding, LOCAL)).collect();
        async move {
            match self.link.lock().await.send(&messages).await {
                Ok(()) => all(due, &Sent::Done),
                Err(unsent) => {
                    let mut sent = vec![Sent::Done; unsent.sent];
                    sent.resize(due.len(), Sent::Later(unsent.to_string()));
                    sent
                }
            }
        }
        .boxed()
    }
}

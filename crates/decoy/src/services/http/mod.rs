//! Web servers: nginx and Apache as they are after installing them, plain and over TLS.
//!
//! `nginx` and `apache` hold conversations without I/O; `talk` carries them. What is served are the machine's own
//! files. What was asked is told by `record`.

mod act;
mod apache;
mod chunked;
mod credentials;
mod date;
mod furnish;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod head;
mod mime;
mod nginx;
mod pack;
mod persona;
mod range;
mod record;
mod site;
mod talk;

use std::cell::Cell;
use std::rc::Rc;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use model::event::Endpoint;
use tokio::io::{AsyncRead, AsyncWrite};

use self::act::{Conversation, Link};
use self::apache::Apache;
pub(super) use self::chunked::{Chunked, Fault, Manner};
pub(super) use self::credentials::unescape;
pub(super) use self::date::format as http_date;
pub(super) use self::head::{Head, text};
use self::nginx::Nginx;
use self::persona::{Persona, Software};
pub(super) use self::record::{MAX_BODIES, Recorder, Room};
use self::site::{Files, Fixed, Site};
use super::tls::{Opened, Tls};
use super::{Context, Entry, Service};
use crate::conn::{Conn, Log};

pub(super) const HTTP: Entry = Entry {
    slug: "http",
    title: "nginx: worker process",
    run_as: &["www-data", "nginx", "http", "apache"],
    furnish: Some(furnish::furnish),
    build,
};

pub(super) const HTTPS: Entry = Entry { slug: "https", ..HTTP };

struct Web {
    site: Site,
    room: Room,
    tls: Option<Tls>,
}

fn build(cx: Context) -> Result<Rc<dyn Service>, String> {
    let persona = Persona::of(&cx.spec)?;
    let fixed = Fixed::of(&cx.spec)?;
    let users = HTTP.run_as.iter().find_map(|name| cx.machine.account(name));
    // `nobody` where there is no such user: what all may read.
    let reader = users.map_or((65534, 65534), |user| (user.uid, user.gid));
    let files = Files::new(cx.machine.path("/"), reader);
    let spec = cx.machine.spec();
    let fqdn = (!spec.domain.is_empty()).then(|| format!("{}.{}", spec.hostname, spec.domain));
    let tls = cx.spec.ports.iter().any(|port| port.tls);
    let tls = tls.then(|| Tls::new(persona.software.tls(), &spec.keys.tls_cert, &spec.keys.tls_key));
    // As Apache draws it at its start: 64 bits, not padded.
    let boundary = u64::from_be_bytes(cx.machine.draw("web/boundary")[..8].try_into().unwrap_or_default());
    Ok(Rc::new(Web {
        tls: tls.transpose()?,
        site: Site::new(persona, files, fixed, fqdn, format!("{boundary:x}")),
        room: Rc::new(Cell::new(MAX_BODIES)),
    }))
}

// === impl Web ===

impl Web {
    async fn talk<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: &mut S, link: Link, log: &Log) {
        let mut recorder = Recorder::new(log.clone(), self.room.clone());
        let mut conversation: Box<dyn Conversation> = match self.site.persona.software {
            Software::Nginx => Box::new(Nginx::new(link, &self.site.persona)),
            Software::Apache => Box::new(Apache::new(link)),
        };
        talk::talk(stream, conversation.as_mut(), &self.site, &mut recorder).await;
    }
}

impl Service for Web {
    fn product(&self) -> String {
        self.site.persona.product.clone()
    }

    fn serve(self: Rc<Self>, mut conn: Conn) -> LocalBoxFuture<'static, ()> {
        async move {
            let Some(Endpoint { ip, port }) = conn.log.place().dst else {
                return;
            };
            let mut link = Link {
                ip,
                port,
                tls: false,
                plain_on_tls: false,
            };
            let Some(tls) = self.tls.as_ref().filter(|_| conn.tls) else {
                return self.talk(&mut conn.stream, link, &conn.log).await;
            };
            match tls.open(conn.stream, &conn.log).await {
                Opened::Tls(mut stream) => {
                    link.tls = true;
                    self.talk(stream.as_mut(), link, &conn.log).await;
                }
                Opened::Plain(mut stream) => {
                    link.plain_on_tls = true;
                    self.talk(&mut stream, link, &conn.log).await;
                }
                Opened::Gone => {}
            }
        }
        .boxed_local()
    }
}

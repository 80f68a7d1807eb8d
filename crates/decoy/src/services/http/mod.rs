//! Web servers: nginx and Apache as they are after installing them, plain and over TLS.
//!
//! `nginx` and `apache` hold conversations without I/O; `talk` carries them. What is served are the machine's own
//! files. What was asked is told by `record`.

#![expect(dead_code, reason = "Apache follows")]

mod act;
mod chunked;
mod credentials;
mod date;
mod furnish;
mod head;
mod mime;
mod nginx;
mod pack;
mod persona;
mod record;
mod site;
mod talk;

use std::cell::Cell;
use std::rc::Rc;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use model::event::Endpoint;

use self::act::{Conversation, Link};
use self::nginx::Nginx;
use self::persona::{Persona, Software};
use self::record::{MAX_BODIES, Recorder, Room};
use self::site::{Files, Fixed, Site};
use super::{Context, Entry, Service};
use crate::conn::Conn;

pub(super) const HTTP: Entry = Entry {
    slug: "http",
    title: "nginx: worker process",
    run_as: &["www-data", "nginx", "http", "apache"],
    furnish: Some(furnish::furnish),
    build,
};

struct Web {
    site: Site,
    room: Room,
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
    Ok(Rc::new(Web {
        site: Site::new(persona, files, fixed, fqdn),
        room: Rc::new(Cell::new(MAX_BODIES)),
    }))
}

// === impl Web ===

impl Web {
    fn conversation(&self, link: Link) -> Box<dyn Conversation> {
        match self.site.persona.software {
            Software::Nginx | Software::Apache => Box::new(Nginx::new(link, &self.site.persona)),
        }
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
            let link = Link {
                ip,
                port,
                tls: false,
                plain_on_tls: false,
            };
            let mut recorder = Recorder::new(conn.log.clone(), self.room.clone());
            let mut conversation = self.conversation(link);
            talk::talk(&mut conn.stream, conversation.as_mut(), &self.site, &mut recorder).await;
        }
        .boxed_local()
    }
}

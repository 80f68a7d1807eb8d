//! What happens when, to be played alone, with others, or a little out of order.

use std::rc::Rc;

use crate::common::{ACK, EPOCH, RST, SYN, SYN_ACK, Scene, host};

/// Whose story it is.
#[derive(Clone, Copy)]
pub(crate) struct World {
    pub v6: bool,
    pub who: u32,
}

type Act = Rc<dyn Fn(&mut Scene, i64)>;

/// Acts with their times in milliseconds.
#[derive(Clone, Default)]
pub(crate) struct Story(Vec<(i64, Act)>);

/// Further apart, a reading does not put events back in order.
const REORDERED: i64 = 10_000;

// === impl World ===

impl World {
    pub(crate) fn me(&self) -> String {
        host(self.v6, 1, self.who)
    }

    /// Other sources of the same story.
    pub(crate) fn friend(&self, n: u32) -> String {
        host(self.v6, 40 + self.who, n)
    }

    /// Hosts of one net that is this story's alone.
    pub(crate) fn target(&self, n: u32) -> String {
        host(self.v6, 90 + self.who, n)
    }

    pub(crate) fn public(&self) -> String {
        let who = self.who;
        if self.v6 {
            format!("2001:db8::{who:x}")
        } else {
            format!("203.0.113.{who}")
        }
    }
}

// === impl Story ===

impl Story {
    pub(crate) fn act(&mut self, at: i64, act: impl Fn(&mut Scene, i64) + 'static) {
        self.0.push((at, Rc::new(act)));
    }

    pub(crate) fn tcp(&mut self, at: i64, src: (&str, u16), dst: (&str, u16), flags: u8, payload: u32) {
        let (src, dst) = ((src.0.to_owned(), src.1), (dst.0.to_owned(), dst.1));
        self.act(at, move |scene, at| {
            scene.tcp(at, (&src.0, src.1), (&dst.0, dst.1), flags, payload);
        });
    }

    pub(crate) fn udp(&mut self, at: i64, src: (&str, u16), dst: (&str, u16)) {
        let (src, dst) = ((src.0.to_owned(), src.1), (dst.0.to_owned(), dst.1));
        self.act(at, move |scene, at| scene.udp(at, (&src.0, src.1), (&dst.0, dst.1), 80));
    }

    pub(crate) fn syn(&mut self, at: i64, src: (&str, u16), dst: (&str, u16)) {
        self.tcp(at, src, dst, SYN, 0);
    }

    pub(crate) fn refused(&mut self, at: i64, src: (&str, u16), dst: (&str, u16)) {
        self.tcp(at, src, dst, SYN, 0);
        self.tcp(at + 1, dst, src, RST, 0);
    }

    pub(crate) fn answered(&mut self, at: i64, src: (&str, u16), dst: (&str, u16)) {
        self.tcp(at, src, dst, SYN, 0);
        self.tcp(at + 1, dst, src, SYN_ACK, 0);
    }

    /// A conversation with payload both ways.
    pub(crate) fn talk(&mut self, at: i64, src: (&str, u16), dst: (&str, u16), out: u32, back: u32) {
        self.answered(at, src, dst);
        self.tcp(at + 2, src, dst, ACK, 0);
        self.tcp(at + 3, src, dst, 0x18, out);
        self.tcp(at + 4, dst, src, 0x18, back);
        self.tcp(at + 5, src, dst, 0x11, 0);
        self.tcp(at + 6, dst, src, 0x11, 0);
    }

    pub(crate) fn login(&mut self, at: i64, src: &str, user: &str, success: bool) {
        let (src, user) = (src.to_owned(), user.to_owned());
        self.act(at, move |scene, at| scene.login(at, &src, &user, success));
    }

    pub(crate) fn get(&mut self, at: i64, src: &str, target: &str, status: u16) {
        let (src, target) = (src.to_owned(), target.to_owned());
        self.act(at, move |scene, at| {
            scene.line(&format!(
                r#"{{"ip":"{src}","ts":{},"method":"GET","endpoint":"{target}","status_code":{status}}}"#,
                EPOCH + at
            ));
        });
    }

    pub(crate) fn with(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// Between any two acts somebody else does something harmless.
    pub(crate) fn with_noise(mut self, world: &World) -> Self {
        let (client, server) = (host(world.v6, 3, 1), host(world.v6, 3, 2));
        let times: Vec<i64> = self.0.iter().map(|(at, _)| *at).collect();
        for at in times {
            let (client, server) = (client.clone(), server.clone());
            self.act(at, move |scene, at| scene.noise(at, &client, &server));
        }
        self.in_time()
    }

    /// Each act changes places with its neighbour, if they are near.
    pub(crate) fn exchanged(mut self) -> Self {
        self = self.in_time();
        for pair in self.0.chunks_mut(2) {
            if let [first, second] = pair
                && second.0 - first.0 < REORDERED
                && second.0 != first.0
            {
                pair.swap(0, 1);
            }
        }
        self
    }

    pub(crate) fn in_time(mut self) -> Self {
        self.0.sort_by_key(|(at, _)| *at);
        self
    }

    pub(crate) fn play(self, scene: &mut Scene) {
        for (at, act) in &self.0 {
            act(scene, *at);
        }
    }
}

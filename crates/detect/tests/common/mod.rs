//! Inputs in a few words.
#![allow(dead_code, unreachable_pub, reason = "each test file uses a part")]

use detect::{
    About, Addr, Auth, Body, Call, Carried, Config, Engine, Event, Finding, FlowRecord, Input, Packet, Proto, Report,
    Ruleset, Setup, Span, State, TcpFlags, Time, Totals, Verdict,
};
use serde_json::Value;

/// 2023-11-14T22:13:20Z.
pub const EPOCH: i64 = 1_700_000_000_000;

pub const SYN: u8 = 0x02;
pub const SYN_ACK: u8 = 0x12;
pub const ACK: u8 = 0x10;
pub const RST: u8 = 0x14;

pub fn ms(at: i64) -> Time {
    Time((EPOCH + at) * 1_000_000)
}

pub fn addr(text: &str) -> Addr {
    text.parse().expect(text)
}

/// Agents whose tool calls are judged.
pub struct Agents(pub Engine);

impl Agents {
    pub fn new() -> Self {
        Self::with(Config::default())
    }

    pub fn with(config: Config) -> Self {
        Self(Engine::new(
            Setup {
                config,
                ..Setup::default()
            },
            Input::Tools,
        ))
    }

    pub fn call(&mut self, at: i64, agent: &str, name: &str, arguments: Value) -> Verdict {
        let call = Call {
            agent: agent.to_owned(),
            name: name.to_owned(),
            arguments,
            ..Call::default()
        };
        self.0.check(ms(at), &call)
    }
}

/// A network in the making; times are milliseconds.
pub struct Scene {
    engine: Engine,
    input: Input,
}

impl Scene {
    pub fn new() -> Self {
        Self::with(Config::default())
    }

    pub fn with(config: Config) -> Self {
        Self::of(config, Input::Packets)
    }

    pub fn of(config: Config, input: Input) -> Self {
        Self::set_up(
            Setup {
                config,
                ..Setup::default()
            },
            input,
        )
    }

    /// With rules of one's own beside the built-in ones.
    pub fn ruled(rules: Ruleset) -> Self {
        Self::set_up(
            Setup {
                rules,
                ..Setup::default()
            },
            Input::Events,
        )
    }

    fn set_up(setup: Setup, input: Input) -> Self {
        Self {
            engine: Engine::new(setup, input),
            input,
        }
    }

    pub fn packet(&mut self, at: i64, src: &str, dst: &str, carried: Carried) {
        self.engine.packet(Packet {
            at: ms(at),
            src: addr(src),
            dst: addr(dst),
            carried,
        });
    }

    pub fn tcp(&mut self, at: i64, src: (&str, u16), dst: (&str, u16), flags: u8, payload: u32) {
        let carried = Carried::Tcp {
            sport: src.1,
            dport: dst.1,
            flags: TcpFlags(flags),
            payload,
        };
        self.packet(at, src.0, dst.0, carried);
    }

    pub fn udp(&mut self, at: i64, src: (&str, u16), dst: (&str, u16), payload: u32) {
        let carried = Carried::Udp {
            sport: src.1,
            dport: dst.1,
            payload,
        };
        self.packet(at, src.0, dst.0, carried);
    }

    pub fn syn(&mut self, at: i64, src: &str, sport: u16, dst: &str, dport: u16) {
        self.tcp(at, (src, sport), (dst, dport), SYN, 0);
    }

    /// Tried and refused.
    pub fn refused(&mut self, at: i64, src: &str, sport: u16, dst: &str, dport: u16) {
        self.syn(at, src, sport, dst, dport);
        self.tcp(at + 1, (dst, dport), (src, sport), RST, 0);
    }

    /// A conversation with payload both ways.
    #[allow(clippy::too_many_arguments)] // a row of a table
    pub fn talk(&mut self, at: i64, src: &str, sport: u16, dst: &str, dport: u16, out: u32, back: u32) {
        let (a, b) = ((src, sport), (dst, dport));
        self.tcp(at, a, b, SYN, 0);
        self.tcp(at + 1, b, a, SYN_ACK, 0);
        self.tcp(at + 2, a, b, ACK, 0);
        self.tcp(at + 3, a, b, 0x18, out);
        self.tcp(at + 4, b, a, 0x18, back);
        self.tcp(at + 5, a, b, 0x11, 0);
        self.tcp(at + 6, b, a, 0x11, 0);
    }

    #[allow(clippy::too_many_arguments)] // a row of a table
    pub fn flow(&mut self, at: i64, src: &str, dst: &str, dport: u16, out: u64, back: u64, state: State) {
        self.engine.flow(FlowRecord {
            at: ms(at),
            src: addr(src),
            dst: addr(dst),
            sport: 40_000,
            dport,
            proto: Proto::Tcp,
            duration: Span(1_000_000),
            out,
            back,
            state,
        });
    }

    pub fn event(&mut self, at: i64, body: Body) {
        self.engine.event(Event::new(ms(at), "test", body));
    }

    pub fn login(&mut self, at: i64, src: &str, user: &str, success: bool) {
        let auth = Auth {
            src: addr(src),
            dst: None,
            service: "ssh".to_owned(),
            user: user.to_owned(),
            success,
            secret: String::new(),
        };
        self.event(at, Body::Auth(Box::new(auth)));
    }

    pub fn get(&mut self, at: i64, src: &str, target: &str, status: u16) {
        self.line(&format!(
            r#"{{"ip":"{src}","ts":{},"method":"GET","endpoint":"{target}","status_code":{status}}}"#,
            EPOCH + at
        ));
    }

    /// Something harmless, of the kind this input is made of.
    pub fn noise(&mut self, at: i64, client: &str, server: &str) {
        match self.input {
            Input::Packets => self.udp(at, (client, 5_000), (server, 6_000), 10),
            Input::Flows => self.flow(at, client, server, 6_000, 10, 10, State::NotAttempt),
            _ => {
                self.get(at, client, "/", 200);
                self.login(at, client, "visitor", true);
            }
        }
    }

    /// A line of an access log.
    pub fn line(&mut self, line: &str) {
        let log = detect::input::AccessLog::new(&Config::default());
        self.engine.event(log.line(line).expect(line));
    }

    pub fn report(self) -> Report {
        self.engine.finish().report(About {
            file: "test".to_owned(),
            input_type: "test".to_owned(),
            complete: true,
            totals: Totals::Packets {
                packets_total: 0,
                packets_analysed: 0,
            },
            warnings: Vec::new(),
            strict_notices: false,
        })
    }

    /// The findings of one rule.
    pub fn found(self, rule: &str) -> Vec<Finding> {
        self.report()
            .findings
            .into_iter()
            .filter(|finding| finding.rule == rule)
            .collect()
    }

    /// The confidence of the only finding of a rule; none when there is none.
    pub fn confidence(self, rule: &str) -> Option<u8> {
        let found = self.found(rule);
        assert!(found.len() <= 1, "{} findings of {rule}", found.len());
        found.first().map(|finding| finding.confidence.value())
    }
}

/// The nth address of a net, of either family.
pub fn host(v6: bool, net: u32, n: u32) -> String {
    if v6 {
        format!("fd00:0:0:{net:x}::{n:x}")
    } else {
        format!("10.{}.{}.{}", net, n / 200, n % 200 + 1)
    }
}

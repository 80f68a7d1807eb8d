//! One node of the product, alone in its cluster: who it is, who may ask, and how it answers.

use std::cell::OnceCell;
use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as B64;
use model::detail::Outcome;

use super::super::database::company::Draw;
use super::call::{Call, Turn};
use super::json::{Json, object};
use super::record::{self, Record};
use super::reply::{Body, Refusal};
use super::route;
use super::source;
use super::store::Store;
use super::wire::Request;

const DAY: i64 = 86_400_000;

/// What distinguishes one version from another.
#[derive(Clone, Debug)]
pub(super) struct Release {
    pub(super) number: String,
    /// How it was packaged: `deb`, `rpm`, `docker`, `tar`.
    pub(super) kind: String,
    pub(super) hash: String,
    pub(super) date: String,
    pub(super) lucene: String,
    pub(super) wire: String,
    pub(super) index: String,
}

pub(super) struct Node {
    pub(super) release: Release,
    pub(super) name: String,
    pub(super) id: String,
    pub(super) ephemeral: String,
    pub(super) cluster: String,
    pub(super) cluster_uuid: String,
    pub(super) license: String,
    /// Known when the first client comes.
    address: OnceCell<IpAddr>,
    /// The password of `elastic`; none where security is off.
    pub(super) password: Option<String>,
    /// Milliseconds since 1970.
    pub(super) started: i64,
    pub(super) installed: i64,
    pub(super) pid: u32,
    pub(super) java: &'static str,
    pub(super) system: String,
    pub(super) kernel: String,
    pub(super) processors: u64,
    pub(super) memory: u64,
    /// Bytes used, and all there are.
    pub(super) disk: (u64, u64),
    phase: i64,
}

/// Where a node stands.
pub(super) struct Place {
    pub(super) name: String,
    pub(super) system: String,
    pub(super) kernel: String,
    pub(super) pid: u32,
    pub(super) application: &'static str,
}

/// One answer, as it goes out, and what is told of it.
pub(super) struct Answered {
    pub(super) bytes: Vec<u8>,
    pub(super) status: u16,
    /// Of the body.
    pub(super) length: usize,
    /// What became of a name and a password.
    pub(super) login: Outcome,
    pub(super) records: Vec<Record>,
}

// === impl Node ===

impl Node {
    pub(super) fn new(release: Release, place: Place, password: Option<String>, seed: [u8; 32], now: i64) -> Self {
        let mut draw = Draw::new(seed);
        let called = [
            "elasticsearch".to_owned(),
            format!("{}-search", place.application),
            format!("{}-es", place.application),
            "logging".to_owned(),
        ];
        let cluster = called[draw.below(called.len() as u64) as usize].clone();
        let memory = [2, 4, 8][draw.below(3) as usize] * 1024 * 1024 * 1024 - draw.below(1 << 26);
        let disk = (40 + draw.below(200)) << 30;
        Self {
            id: draw.letters(22),
            cluster_uuid: draw.letters(22),
            license: uuid_text(&mut draw),
            ephemeral: draw.letters(22),
            processors: 1 << (1 + draw.below(2)),
            installed: now - (60 + draw.below(300) as i64) * DAY,
            started: now - (3_600_000 + draw.below(40 * DAY as u64) as i64),
            disk: (disk * (20 + draw.below(50)) / 100, disk),
            phase: draw.below(1000) as i64,
            java: if release.number.starts_with("7.10") {
                "15.0.1"
            } else {
                "21.0.1"
            },
            memory,
            cluster,
            release,
            name: place.name,
            address: OnceCell::new(),
            system: place.system,
            kernel: place.kernel,
            pid: place.pid,
            password,
        }
    }

    /// Where clients find it.
    pub(super) fn stand_at(&self, address: IpAddr) {
        let _ = self.address.set(address);
    }

    pub(super) fn address(&self) -> String {
        self.address
            .get()
            .map_or_else(|| "127.0.0.1".to_owned(), IpAddr::to_string)
    }

    pub(super) fn major(&self) -> u32 {
        self.release
            .number
            .split('.')
            .next()
            .and_then(|major| major.parse().ok())
            .unwrap_or(7)
    }

    pub(super) fn minor(&self) -> u32 {
        self.release
            .number
            .split('.')
            .nth(1)
            .and_then(|minor| minor.parse().ok())
            .unwrap_or(0)
    }

    /// `7100299`
    pub(super) fn index_version(&self) -> String {
        if self.major() == 8 && self.minor() >= 10 {
            return "8500003".into();
        }
        let patch = self.release.number.split('.').nth(2).unwrap_or("0");
        format!("{}{:02}{:0>2}99", self.major(), self.minor(), patch)
    }

    /// Whether all indices can be deleted only one by one, by their names.
    pub(super) fn is_destruction_named(&self) -> bool {
        self.major() >= 8
    }

    pub(super) fn roles(&self) -> &'static [&'static str] {
        &[
            "data",
            "data_cold",
            "data_content",
            "data_hot",
            "data_warm",
            "ingest",
            "master",
            "ml",
            "remote_cluster_client",
            "transform",
        ]
    }

    /// Percent of the heap in use: it fills, and is swept.
    pub(super) fn heap(&self, now: i64) -> u64 {
        18 + ((now / 41_000 + self.phase) % 47).unsigned_abs()
    }

    pub(super) fn ram(&self, now: i64) -> u64 {
        88 + ((now / 3_600_000 + self.phase) % 9).unsigned_abs()
    }

    pub(super) fn cpu(&self, now: i64) -> u64 {
        [0, 0, 1, 1, 2, 0, 3, 1][((now / 7_000 + self.phase) % 8).unsigned_abs() as usize]
    }

    pub(super) fn load(&self, now: i64) -> [f64; 3] {
        [20_000, 90_000, 300_000].map(|length| ((now / length + self.phase) % 17).abs() as f64 / 100.0)
    }

    pub(super) fn cat_row(&self, now: i64) -> Vec<Option<String>> {
        let load = self.load(now);
        let row = [
            self.address(),
            self.heap(now).to_string(),
            self.ram(now).to_string(),
            self.cpu(now).to_string(),
            format!("{:.2}", load[0]),
            format!("{:.2}", load[1]),
            format!("{:.2}", load[2]),
            "cdhilmrstw".into(),
            "*".into(),
            self.name.clone(),
            self.release.number.clone(),
            self.id[..4].to_owned(),
            self.pid.to_string(),
            "9300".into(),
            format!("{}:9200", self.address()),
        ];
        row.map(Some).to_vec()
    }

    /// Where a document is, as every answer about it begins.
    pub(super) fn place(&self, index: &str, id: &str) -> Json {
        if self.major() >= 8 {
            return object! {"_index": index, "_id": id};
        }
        object! {"_index": index, "_type": "_doc", "_id": id}
    }

    /// A search that failed on each shard.
    pub(super) fn all_failed(&self, cause: Refusal, index: Option<&str>) -> Refusal {
        let mut failed = object! {"shard": 0};
        index.into_iter().for_each(|index| failed.set("index", index));
        failed.set("node", &self.id);
        failed.set("reason", cause.cause());
        let more = vec![
            ("phase".to_owned(), Json::from("query")),
            ("grouped".to_owned(), true.into()),
            ("failed_shards".to_owned(), vec![failed].into()),
        ];
        cause.within("search_phase_execution_exception", "all shards failed", more)
    }

    /// Tells of scripts that break in, and refuses them as the product does.
    pub(super) fn scripts(&self, body: &Json, records: &mut Vec<Record>) -> Result<(), Refusal> {
        for script in record::scripts(body) {
            if !script.is_hostile() {
                continue;
            }
            records.push(Record::Exploit {
                way: script.lang.clone(),
                payload: script.source.clone(),
            });
            if script.lang != "painless" {
                let cause = Refusal::argument(format!("script_lang not supported [{}]", script.lang));
                return Err(self.all_failed(cause, None));
            }
            let excerpt = script.source.chars().take(120).collect::<String>();
            let inner = Refusal::argument(format!(
                "invalid sequence of tokens near ['{}'].",
                excerpt.chars().take(12).collect::<String>()
            ));
            let cause = Refusal::new(400, "script_exception", "compile error")
                .and("script_stack", vec![Json::from(&excerpt), Json::from("^---- HERE")])
                .and("script", &script.source)
                .and("lang", "painless")
                .caused(&inner);
            return Err(self.all_failed(cause, None));
        }
        Ok(())
    }

    /// Answers one request. `random` is drawn anew for each.
    pub(super) fn answer(&self, store: &mut Store, request: &Request, now: i64, random: [u8; 32]) -> Answered {
        let call = Call::new(request);
        let mut turn = Turn {
            node: self,
            now,
            draw: Draw::new(random),
            records: Vec::new(),
        };
        let refused = self.stranger(&call).or_else(|| unreadable(request));
        // Where nobody is asked, any name and password let in.
        let login = match &refused {
            Some(refusal) if refusal.status() == 401 => Outcome::Failure,
            _ => Outcome::Success,
        };
        let answer = match refused {
            Some(refusal) => Err(refusal),
            None => route::route(store, &call, &mut turn),
        };
        let mut reply = answer.unwrap_or_else(Refusal::into_reply);
        if let (Some(names), Body::Json(body)) = (call.param("filter_path"), &reply.body) {
            let names: Vec<String> = names.split(',').map(str::to_owned).collect();
            reply.body = Body::Json(source::part(body, "", &names, &[]));
        }
        let (bytes, length) = self.encode(&call, &reply);
        Answered {
            bytes,
            status: reply.status,
            length,
            login,
            records: turn.records,
        }
    }

    /// What is said to what was no request.
    pub(super) fn bad(&self, kind: &'static str, reason: &str) -> Vec<u8> {
        let request = Request {
            version: "HTTP/1.0".into(),
            ..Request::default()
        };
        self.encode(&Call::new(&request), &Refusal::new(400, kind, reason).into_reply())
            .0
    }

    /// Whom security keeps out.
    fn stranger(&self, call: &Call<'_>) -> Option<Refusal> {
        let password = self.password.as_ref()?;
        let target = call.request.target.split('?').next().unwrap_or_default();
        let given = call.request.header("authorization").map(str::trim);
        let (scheme, rest) = given.and_then(|given| given.split_once(' ')).unwrap_or_default();
        let reason = match scheme.to_ascii_lowercase().as_str() {
            "basic" => {
                let pair = B64.decode(rest.trim()).unwrap_or_default();
                let pair = String::from_utf8_lossy(&pair).into_owned();
                let (user, secret) = pair.split_once(':').unwrap_or((&pair, ""));
                if user == "elastic" && secret == password {
                    return None;
                }
                format!("unable to authenticate user [{user}] for REST request [{target}]")
            }
            "apikey" | "bearer" => {
                "unable to authenticate with provided credentials and anonymous access is not allowed for this request"
                    .into()
            }
            _ => format!("missing authentication credentials for REST request [{target}]"),
        };
        let basic = "Basic realm=\"security\" charset=\"UTF-8\"";
        let ways: &[&str] = if self.major() >= 8 || self.minor() > 10 {
            &[basic, "Bearer realm=\"security\"", "ApiKey"]
        } else {
            &[basic]
        };
        let shown = match ways {
            [one] => Json::from(*one),
            all => all.iter().map(|way| Json::from(*way)).collect::<Vec<_>>().into(),
        };
        let refusal =
            Refusal::new(401, "security_exception", reason).and("header", object! {"WWW-Authenticate": shown});
        Some(
            ways.iter()
                .fold(refusal, |refusal, way| refusal.header("WWW-Authenticate", *way)),
        )
    }
}

/// A body of a kind that is not read.
fn unreadable(request: &Request) -> Option<Refusal> {
    let given = request.header("content-type");
    let kind = given.unwrap_or_default();
    let name = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let known = [
        "application/json",
        "application/x-ndjson",
        "application/yaml",
        "application/cbor",
        "application/smile",
    ];
    if request.body.is_empty() || known.contains(&name.as_str()) || name.starts_with("application/vnd.elasticsearch+") {
        return None;
    }
    let reason = given.map_or_else(
        || "Content-Type header is missing".to_owned(),
        |kind| format!("Content-Type header [{kind}] is not supported"),
    );
    Some(Refusal::unsupported(reason))
}

fn uuid_text(draw: &mut Draw) -> String {
    let mut hex = || format!("{:016x}", draw.below(u64::MAX));
    let (one, two) = (hex(), hex());
    format!(
        "{}-{}-4{}-9{}-{}",
        &one[..8],
        &one[8..12],
        &one[13..16],
        &two[1..4],
        &two[4..]
    )
}

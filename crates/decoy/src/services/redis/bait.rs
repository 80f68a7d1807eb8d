//! What a web application would have left in its cache: other on each machine, the same for its whole life.

use super::server::Server;
use super::value::{Hash, List, Small, Value};
use super::zset::Zset;

const SMALL: Small = Small {
    entries: 512,
    value: 64,
};
const DAY: i64 = 86_400_000;

/// Fills database 0; `seed` is the machine's own.
pub(super) fn fill(server: &mut Server, seed: &[u8; 32]) {
    let mut state = u64::from_le_bytes(seed[..8].try_into().unwrap_or_default());
    let mut draw = move |below: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below.max(1)
    };
    let now = server.now_ms();
    let sessions = 12 + draw(28);
    let mut put =
        |key: String, value: Value, expires: Option<i64>| server.dbs[0].put(key.as_bytes(), value, expires, now);
    for _ in 0..sessions {
        let (id, csrf) = (hex(&mut draw, 32), hex(&mut draw, 40));
        let user = 1 + draw(900);
        let seen = now / 1000 - draw(7200) as i64;
        let body = format!(
            r#"{{"uid":{user},"csrf":"{csrf}","last_seen":{seen},"role":"{}"}}"#,
            pick(&mut draw, &ROLES)
        );
        put(
            format!("sess:{id}"),
            Value::text(body.into_bytes()),
            Some(now + 600_000 + draw(DAY as u64) as i64),
        );
    }
    for _ in 0..6 + draw(10) {
        let (page, size) = (pick(&mut draw, &PAGES), 1 + draw(40));
        let body = format!(
            r#"{{"etag":"{}","rows":{size},"cached_at":{}}}"#,
            hex(&mut draw, 16),
            now / 1000 - draw(900) as i64
        );
        put(
            format!("cache:{page}:{size}"),
            Value::text(body.into_bytes()),
            Some(now + 60_000 + draw(3_600_000) as i64),
        );
    }
    for counter in COUNTERS {
        put(
            format!("stats:{counter}"),
            Value::text(draw(400_000).to_string().into_bytes()),
            None,
        );
    }
    let mut settings = Hash::new();
    for (field, value) in [
        ("maintenance", "0".to_owned()),
        ("items_per_page", (10 * (1 + draw(5))).to_string()),
        ("theme", "default".to_owned()),
        ("release", format!("{}.{}.{}", 1 + draw(4), draw(20), draw(10))),
    ] {
        settings.set(field.into(), value.into_bytes(), SMALL, seed[9].into());
    }
    put("app:settings".into(), Value::Hash(settings), None);
    let mut queue = List::default();
    for _ in 0..2 + draw(6) {
        let job = format!(
            r#"{{"job":"{}","id":{},"try":1}}"#,
            pick(&mut draw, &JOBS),
            10_000 + draw(90_000)
        );
        queue.push(false, job.into_bytes());
    }
    put("queue:default".into(), Value::List(queue), None);
    let mut top = Zset::new(seed[8].into());
    for _ in 0..8 {
        top.insert(
            format!("product:{}", 100 + draw(900)).into_bytes(),
            draw(5000) as f64,
            SMALL,
        );
    }
    put("top:products".into(), Value::Zset(top), None);
}

const ROLES: [&str; 4] = ["user", "user", "editor", "admin"];
const PAGES: [&str; 6] = ["products", "categories", "search", "home", "orders", "feed"];
const COUNTERS: [&str; 4] = ["page_views", "logins", "orders", "api_calls"];
const JOBS: [&str; 4] = ["send_mail", "resize_image", "sync_stock", "export_report"];

fn hex(draw: &mut impl FnMut(u64) -> u64, digits: usize) -> String {
    (0..digits)
        .map(|_| char::from_digit(draw(16) as u32, 16).unwrap_or('0'))
        .collect()
}

fn pick<'a>(draw: &mut impl FnMut(u64) -> u64, from: &[&'a str]) -> &'a str {
    from[draw(from.len() as u64) as usize]
}

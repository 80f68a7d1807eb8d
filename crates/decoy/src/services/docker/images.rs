//! Images: listed, pulled, tagged, built, taken away.

use serde_json::json;
use sha2::{Digest, Sha256};

use super::answer::{Answer, Asked, BuildWish, Fault};
use super::names::Reference;
use super::record::{self, Record, short};
use super::reply::{filters, json as reply, plain, reference, with_headers};
use super::shown_images;
use super::store::{Image, Status, Store};
use super::tar;
use crate::services::golang::Reply;
use crate::services::golang::json::{Object, list};

pub(super) fn route(
    store: &mut Store,
    asked: &Asked<'_>,
    words: &[&str],
    records: &mut Vec<Record>,
) -> Result<Answer, Fault> {
    let request = asked.request;
    let ok = |store: &Store, body: String| Ok(Answer::Reply(reply(store, 200, body)));
    // A name may have slashes.
    let named = |end: usize| words[1..words.len() - end].join("/");
    match (request.method.as_str(), words) {
        ("GET", ["images", "json"]) => {
            let filters = filters(request)?;
            let wanted = |image: &&Image| {
                let by = |values: &[String]| {
                    values
                        .iter()
                        .any(|value| image.tags.iter().any(|tag| is_of(tag, value)))
                };
                filters
                    .iter()
                    .filter(|(name, _)| name == "reference")
                    .all(|(_, values)| by(values))
            };
            let all = request.flag("all");
            let parents: Vec<&String> = store.images.iter().map(|image| &image.parent).collect();
            // Steps of a build are shown only when all is asked for.
            let whole = |image: &&Image| all || !image.tags.is_empty() || !parents.contains(&&image.id);
            let mut images: Vec<&Image> = store.images.iter().filter(wanted).filter(whole).collect();
            images.sort_by_key(|image| std::cmp::Reverse(image.created));
            ok(
                store,
                list(
                    images
                        .into_iter()
                        .map(|image| shown_images::image_listed(store, image, false)),
                ),
            )
        }
        ("GET", ["images", "search"]) => Err((
            500,
            resolve(
                &format!(
                    "https://index.docker.io/v1/search?q={}&n=25",
                    request.query("term").unwrap_or_default()
                ),
                "index.docker.io",
            ),
        )),
        ("POST", ["images", "create"]) => create(store, asked, records),
        ("POST", ["images", "load"]) => Err((
            500,
            "Error processing tar file(exit status 1): unexpected EOF".to_owned(),
        )),
        ("POST", ["images", "prune"]) => ok(store, "{\"ImagesDeleted\":null,\"SpaceReclaimed\":0}".to_owned()),
        ("POST", ["build", "prune"]) => ok(store, "{\"CachesDeleted\":null,\"SpaceReclaimed\":0}".to_owned()),
        ("POST", ["build"]) => Ok(Answer::Build(BuildWish {
            tags: request.queries("t").filter(|tag| !tag.is_empty()).collect(),
            dockerfile: request
                .query("dockerfile")
                .filter(|name| !name.is_empty())
                .unwrap_or_else(|| "Dockerfile".to_owned()),
            quiet: request.flag("q"),
        })),
        ("GET", ["images", .., "json"]) => {
            let name = named(1);
            let image = store.image(&name).ok_or_else(|| missing(&name, true))?;
            ok(store, shown_images::image_inspected(store, image))
        }
        ("GET", ["images", .., "history"]) => {
            let name = named(1);
            let image = store.image(&name).ok_or_else(|| missing(&name, false))?;
            ok(store, shown_images::history(image))
        }
        ("POST", ["images", .., "tag"]) => {
            let name = named(1);
            let id = store.image(&name).ok_or_else(|| missing(&name, false))?.id.clone();
            let tag = request
                .query("tag")
                .filter(|tag| !tag.is_empty())
                .unwrap_or_else(|| "latest".to_owned());
            let tagged = reference(&format!("{}:{tag}", request.query("repo").unwrap_or_default()))?.tagged();
            retag(store, &id, &tagged);
            Ok(Answer::Reply(plain(store, 201, "")))
        }
        ("POST", ["images", .., "push"]) => {
            let name = named(1);
            let record = request.header("x-registry-auth").and_then(record::login_in);
            records.extend(record);
            store
                .image(&name)
                .ok_or_else(|| (404, format!("An image does not exist locally with the tag: {name}")))?;
            Err((500, resolve("https://registry-1.docker.io/v2/", "registry-1.docker.io")))
        }
        ("DELETE", ["images", ..]) => remove(store, asked, &named(0)),
        _ => Err((404, "page not found".to_owned())),
    }
}

/// `images/create`: a pull, or an import.
fn create(store: &mut Store, asked: &Asked<'_>, records: &mut Vec<Record>) -> Result<Answer, Fault> {
    let request = asked.request;
    records.extend(request.header("x-registry-auth").and_then(record::login_in));
    if let Some(from) = request.query("fromSrc").filter(|from| !from.is_empty()) {
        return import(store, asked, &from, records);
    }
    let name = request.query("fromImage").unwrap_or_default();
    let tag = request.query("tag").unwrap_or_default();
    let whole = match tag.as_str() {
        "" => name.clone(),
        digest if digest.starts_with("sha256:") => format!("{name}@{digest}"),
        tag => format!("{name}:{tag}"),
    };
    let wanted = reference(&whole)?;
    records.push(Record::new("image_pull", json!({"image": short(&wanted.name), "tag": short(&wanted.tag), "auth": request.header("x-registry-auth").is_some()})));
    if !wanted.can_be_had() {
        return Err((
            404,
            format!(
                "pull access denied for {}, repository does not exist or may require 'docker login': denied: requested access to the resource is denied",
                wanted.name
            ),
        ));
    }
    let head = with_headers(store, Reply::new(200, "")).with("Content-Type", "application/json");
    let made = store.pulled(&wanted, asked.now);
    let fresh = store.images.iter().all(|image| image.id != made.id);
    let steps = pull_steps(&wanted, &made, fresh);
    if fresh {
        store.add_image(made);
    }
    Ok(Answer::Stream(head, steps))
}

/// The lines of a pull, each with the milliseconds before it.
fn pull_steps(wanted: &Reference, made: &Image, fresh: bool) -> Vec<(u64, Vec<u8>)> {
    let digest = made
        .digest
        .as_ref()
        .and_then(|digest| digest.split('@').nth(1))
        .unwrap_or_default();
    let mut steps = Vec::new();
    let mut say = |wait: u64, line: String| steps.push((wait, format!("{line}\r\n").into_bytes()));
    let of = |status: &str, id: &str| Object::new().put("status", status).put("id", id).end();
    say(700, of(&format!("Pulling from {}", wanted.repository()), &wanted.tag));
    let layer = &hex::encode(Sha256::digest(&made.id))[..12];
    let bare = |status: &str| {
        Object::new()
            .put("status", status)
            .raw("progressDetail", "{}")
            .put("id", layer)
            .end()
    };
    let size = made.size * 2 / 5;
    let along = |status: &str, part: u64| {
        let current = size * part / 20;
        let detail = Object::new().put("current", current).put("total", size).end();
        let bar = format!(
            "{}>{}",
            "=".repeat((part * 5 / 2) as usize),
            " ".repeat(50 - (part * 5 / 2) as usize)
        );
        let shown = format!("[{}]  {}/{}", &bar[..50], human_size(current), human_size(size));
        Object::new()
            .put("status", status)
            .raw("progressDetail", &detail)
            .put("progress", shown)
            .put("id", layer)
            .end()
    };
    if fresh {
        say(40, bare("Pulling fs layer"));
        for part in [1, 6, 11, 16, 20] {
            say(90, along("Downloading", part));
        }
        say(30, bare("Verifying Checksum"));
        say(0, bare("Download complete"));
        for part in [1, 9, 20] {
            say(60, along("Extracting", part));
        }
        say(70, bare("Pull complete"));
    }
    say(30, Object::new().put("status", format!("Digest: {digest}")).end());
    let end = if fresh {
        "Downloaded newer image for"
    } else {
        "Image is up to date for"
    };
    say(
        0,
        Object::new()
            .put("status", format!("Status: {end} {}", wanted.tagged()))
            .end(),
    );
    steps
}

fn import(store: &mut Store, asked: &Asked<'_>, from: &str, records: &mut Vec<Record>) -> Result<Answer, Fault> {
    records.push(Record::new(
        "image_import",
        json!({"from": short(from), "size": asked.request.body.len()}),
    ));
    if from != "-" {
        return Err((500, resolve(from, from.split('/').nth(2).unwrap_or(from))));
    }
    let name = asked.request.query("repo").unwrap_or_default();
    let tags = if name.is_empty() {
        Vec::new()
    } else {
        let tag = asked
            .request
            .query("tag")
            .filter(|tag| !tag.is_empty())
            .unwrap_or_else(|| "latest".to_owned());
        vec![reference(&format!("{name}:{tag}"))?.tagged()]
    };
    let id = hex::encode(Sha256::digest([&asked.request.body[..], &store.draw()].concat()));
    let members = tar::read(&asked.request.body).unwrap_or_default();
    let size = members.iter().map(|member| member.bytes.len() as u64).sum();
    store.add_image(Image {
        id: id.clone(),
        tags,
        digest: None,
        parent: String::new(),
        comment: "Imported from -",
        created: asked.now,
        size,
        env: Vec::new(),
        cmd: Vec::new(),
        entrypoint: Vec::new(),
        workdir: String::new(),
        history: vec![(String::new(), size)],
    });
    let head = with_headers(store, Reply::new(200, "")).with("Content-Type", "application/json");
    let line = Object::new().put("status", format!("sha256:{id}")).end() + "\r\n";
    Ok(Answer::Stream(head, vec![(20, line.into_bytes())]))
}

fn remove(store: &mut Store, asked: &Asked<'_>, name: &str) -> Result<Answer, Fault> {
    let image = store.image(name).ok_or_else(|| missing(name, false))?;
    let (id, tags) = (image.id.clone(), image.tags.clone());
    let by_tag = reference(name)
        .ok()
        .map(|reference| reference.tagged())
        .filter(|tag| tags.contains(tag));
    let last = by_tag.is_none() || tags.len() == 1;
    let user = store.containers.iter().find(|one| one.image_id == id);
    if let Some(user) = user.filter(|_| last && !asked.request.flag("force")) {
        let (short, image) = (user.short(), &id[..12]);
        let why = match (&by_tag, user.status) {
            (Some(_), _) => format!(
                "conflict: unable to remove repository reference \"{name}\" (must force) - container {short} is using its referenced image {image}"
            ),
            (None, Status::Running) => format!(
                "conflict: unable to delete {image} (cannot be forced) - image is being used by running container {short}"
            ),
            _ => format!(
                "conflict: unable to delete {image} (must be forced) - image is being used by stopped container {short}"
            ),
        };
        return Err((409, why));
    }
    let layers = image.layers();
    let mut lines: Vec<String> = Vec::new();
    let untag: Vec<String> = if last { tags } else { by_tag.into_iter().collect() };
    for tag in &untag {
        lines.push(Object::new().put("Untagged", tag).end());
    }
    if last {
        let gone = std::iter::once(&id).chain(layers.iter().rev());
        lines.extend(gone.map(|id| Object::new().put("Deleted", format!("sha256:{id}")).end()));
        store.images.retain(|image| image.id != id);
    } else if let Some(image) = store.images.iter_mut().find(|image| image.id == id) {
        image.tags.retain(|tag| !untag.contains(tag));
    }
    Ok(Answer::Reply(reply(store, 200, list(lines))))
}

/// Gives an image a tag, taking it from whoever has it.
pub(super) fn retag(store: &mut Store, id: &str, tag: &str) {
    for image in &mut store.images {
        image.tags.retain(|known| known != tag);
        if image.id == id {
            image.tags.push(tag.to_owned());
        }
    }
}

fn is_of(tag: &str, pattern: &str) -> bool {
    let wild = pattern.trim_end_matches('*');
    tag == pattern || tag.split(':').next() == Some(pattern) || (wild != pattern && tag.starts_with(wild))
}

fn missing(name: &str, inspected: bool) -> Fault {
    match reference(name) {
        Ok(wanted) if inspected => (
            404,
            format!("no such image: {name}: No such image: {}", wanted.tagged()),
        ),
        Ok(wanted) => (404, format!("No such image: {}", wanted.tagged())),
        Err((code, text)) if inspected => (code, format!("no such image: {name}: {text}")),
        Err(fault) => fault,
    }
}

fn resolve(url: &str, host: &str) -> String {
    format!("Get \"{url}\": dial tcp: lookup {host}: Temporary failure in name resolution")
}

fn human_size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];
    let (mut size, mut unit) = (bytes as f64, 0);
    while size >= 1000.0 && unit < 4 {
        (size, unit) = (size / 1000.0, unit + 1);
    }
    // Four significant digits.
    let digits = if size >= 1000.0 {
        0
    } else if size >= 100.0 {
        1
    } else if size >= 10.0 {
        2
    } else {
        3
    };
    let text = format!("{size:.digits$}");
    let text = if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        &text
    };
    format!("{text}{}", UNITS[unit])
}

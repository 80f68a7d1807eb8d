//! Indices as such: made, shown, changed, taken away.

use super::call::{Call, Turn};
use super::docs::check_name;
use super::json::{Json, object};
use super::record::Record;
use super::reply::{Answer, Refusal, Reply};
use super::search::shards;
use super::store::{Index, Store, like};

/// What is shown of an index.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    All,
    Aliases,
    Mappings,
    Settings,
}

pub(super) fn create(store: &mut Store, call: &Call<'_>, name: &str, turn: &mut Turn<'_>) -> Answer {
    check_name(name)?;
    let body = call.json()?.unwrap_or_else(Json::empty);
    let known = ["settings", "mappings", "aliases"];
    if let Some((unknown, _)) = body.members().iter().find(|(part, _)| !known.contains(&part.as_str())) {
        let reason = format!("unknown key [{unknown}] for create index");
        return Err(Refusal::new(400, "parse_exception", reason));
    }
    let mut index = Index::new(name, turn.uuid(), turn.now);
    if let Some(settings) = body.get("settings") {
        for (setting, value) in flat(settings, "") {
            let setting = setting.strip_prefix("index.").unwrap_or(&setting).to_owned();
            match (setting.as_str(), value.whole()) {
                ("number_of_shards", Some(count)) => index.shards = count.clamp(1, 1024) as u64,
                ("number_of_replicas", Some(count)) => index.replicas = count.clamp(0, 100) as u64,
                _ => index.settings.set(&setting, value.bare()),
            }
        }
    }
    let mappings = body.get("mappings");
    // Before 7.0 there was a type between.
    let properties = mappings.and_then(|mappings| {
        mappings
            .get("properties")
            .or_else(|| mappings.only()?.1.get("properties"))
    });
    properties
        .into_iter()
        .for_each(|properties| index.properties = sorted(properties));
    for (alias, how) in body.get("aliases").map(Json::members).unwrap_or_default() {
        index.aliases.insert(alias.clone(), how.clone());
    }
    store.create(index)?;
    turn.records.push(Record::write("create_index", name, None));
    if super::super::database::ransom::is_note(name, &body.to_string()) {
        turn.records.push(Record::Ransom {
            index: name.to_owned(),
            text: String::from_utf8_lossy(&call.request.body).into_owned(),
        });
    }
    Ok(Reply::json(
        object! {"acknowledged": true, "shards_acknowledged": true, "index": name},
    ))
}

/// Fields stand in the order of their names.
fn sorted(properties: &Json) -> Json {
    let mut fields: Vec<_> = properties.members().to_vec();
    fields.sort_by(|(one, _), (two, _)| one.cmp(two));
    for (_, field) in &mut fields {
        if let Some(inner) = field.get("properties").map(sorted) {
            field.set("properties", inner);
        }
    }
    Json::Map(fields)
}

/// Settings with dots in their names, whichever way they were written.
fn flat(json: &Json, above: &str) -> Vec<(String, Json)> {
    let mut all = Vec::new();
    for (name, value) in json.members() {
        let path = if above.is_empty() {
            name.clone()
        } else {
            format!("{above}.{name}")
        };
        match value {
            Json::Map(_) => all.extend(flat(value, &path)),
            plain => all.push((path, plain.clone())),
        }
    }
    all
}

pub(super) fn delete(store: &mut Store, names: &str, turn: &mut Turn<'_>) -> Answer {
    if let Some(alias) = names
        .split(',')
        .find(|name| !store.indices.contains_key(*name) && store.index(name).is_ok())
    {
        let reason = format!(
            "The provided expression [{alias}] matches an alias, specify the corresponding concrete indices instead."
        );
        return Err(Refusal::argument(reason));
    }
    let wild = names.is_empty() || names == "_all" || names.contains('*');
    if wild && turn.node.is_destruction_named() {
        return Err(Refusal::argument("Wildcard expressions or all indices are not allowed"));
    }
    let found = store.named(names)?;
    for index in &found {
        store.indices.remove(&index.name);
        turn.records.push(Record::write("delete_index", &index.name, None));
    }
    Ok(Reply::acknowledged())
}

/// `GET index`, `_mapping`, `_settings`, `_alias`
pub(super) fn show(store: &Store, call: &Call<'_>, names: &str, part: Part, turn: &Turn<'_>) -> Answer {
    let indices = store.named(names)?;
    let shown = indices.iter().map(|index| {
        let aliases = || {
            Json::Map(
                index
                    .aliases
                    .iter()
                    .map(|(name, how)| (name.clone(), how.clone()))
                    .collect(),
            )
        };
        let settings = settings(index, call.flag("flat_settings"), turn);
        let one = match part {
            Part::All => object! {"aliases": aliases(), "mappings": index.mappings(), "settings": settings},
            Part::Aliases => object! {"aliases": aliases()},
            Part::Mappings => object! {"mappings": index.mappings()},
            Part::Settings => object! {"settings": settings},
        };
        (index.name.clone(), one)
    });
    Ok(Reply::json(Json::Map(shown.collect())))
}

fn settings(index: &Index, flat: bool, turn: &Turn<'_>) -> Json {
    let mut all = vec![("creation_date".to_owned(), Json::from(index.created.to_string()))];
    all.push(("number_of_replicas".into(), index.replicas.to_string().into()));
    all.push(("number_of_shards".into(), index.shards.to_string().into()));
    all.push(("provided_name".into(), (&index.name).into()));
    all.push(("uuid".into(), (&index.uuid).into()));
    let version = turn.node.index_version();
    if flat {
        all.push(("version.created".into(), version.into()));
    } else {
        all.push(("version".into(), object! {"created": version}));
    }
    all.extend(index.settings.members().iter().cloned());
    all.sort_by(|(one, _), (two, _)| one.cmp(two));
    if flat {
        return Json::Map(
            all.into_iter()
                .map(|(name, value)| (format!("index.{name}"), value))
                .collect(),
        );
    }
    object! {"index": Json::Map(all)}
}

pub(super) fn put_mapping(store: &mut Store, call: &Call<'_>, names: &str, turn: &mut Turn<'_>) -> Answer {
    let body = call.json()?.ok_or_else(|| {
        Refusal::new(
            400,
            "action_request_validation_exception",
            "Validation Failed: 1: mapping source is missing;",
        )
    })?;
    let fields = body
        .get("properties")
        .or_else(|| body.only()?.1.get("properties"))
        .map(sorted);
    for index in store.named(names)? {
        store.wrote(&index.name, call.request.body.len())?;
        let index = store.index_mut(&index.name)?;
        for (name, field) in fields.iter().flat_map(Json::members) {
            index.properties.set(name, field.clone());
        }
        index.properties = sorted(&index.properties);
        turn.records.push(Record::write("put_mapping", &index.name, None));
    }
    Ok(Reply::acknowledged())
}

pub(super) fn put_settings(store: &mut Store, call: &Call<'_>, names: &str, turn: &mut Turn<'_>) -> Answer {
    let body = call.json()?.unwrap_or_else(Json::empty);
    let body = body.get("settings").unwrap_or(&body);
    for index in store.named(names)? {
        store.wrote(&index.name, call.request.body.len())?;
        let index = store.index_mut(&index.name)?;
        for (setting, value) in flat(body, "") {
            let setting = setting.strip_prefix("index.").unwrap_or(&setting).to_owned();
            match (setting.as_str(), value.whole()) {
                ("number_of_shards", _) => {
                    let reason = format!(
                        "Can't update non dynamic settings [[index.number_of_shards]] for open indices [[{}/{}]]",
                        index.name, index.uuid
                    );
                    return Err(Refusal::argument(reason));
                }
                ("number_of_replicas", Some(count)) => index.replicas = count.clamp(0, 100) as u64,
                _ => index.settings.set(&setting, value.bare()),
            }
        }
        turn.records.push(Record::write("put_settings", &index.name, None));
    }
    Ok(Reply::acknowledged())
}

/// `_aliases`: a list of what to add and to remove.
pub(super) fn change_aliases(store: &mut Store, call: &Call<'_>, turn: &mut Turn<'_>) -> Answer {
    let body = call.json()?.unwrap_or_else(Json::empty);
    for action in body.get("actions").map(Json::each).unwrap_or_default() {
        let Some((what, how)) = action.only() else { continue };
        let names = how
            .get("indices")
            .or_else(|| how.get("index"))
            .map(Json::each)
            .unwrap_or_default();
        let names = names.iter().map(Json::bare).collect::<Vec<_>>().join(",");
        let alias = how
            .get("alias")
            .or_else(|| how.get("aliases"))
            .map(Json::bare)
            .unwrap_or_default();
        for index in store.named(&names)? {
            match what {
                "add" => put_alias(store, &index.name, &alias)?,
                "remove" => {
                    store
                        .index_mut(&index.name)?
                        .aliases
                        .retain(|name, _| !like(&alias, name));
                }
                "remove_index" => {
                    store.indices.remove(&index.name);
                    turn.records.push(Record::write("delete_index", &index.name, None));
                }
                unknown => return Err(Refusal::argument(format!("[alias_action] unknown field [{unknown}]"))),
            }
        }
    }
    Ok(Reply::acknowledged())
}

pub(super) fn put_alias(store: &mut Store, index: &str, alias: &str) -> Result<(), Refusal> {
    if store.indices.contains_key(alias) {
        let reason =
            format!("Invalid alias name [{alias}]: an index or data stream exists with the same name as the alias");
        return Err(Refusal::new(400, "invalid_alias_name_exception", reason).of_index(index, "_na_"));
    }
    store.wrote(index, alias.len() + 64)?;
    store.index_mut(index)?.aliases.insert(alias.to_owned(), Json::empty());
    Ok(())
}

/// `_refresh`, `_flush`, `_forcemerge`, `_cache/clear`
pub(super) fn refreshed(store: &Store, names: &str) -> Answer {
    let indices = store.named(names)?;
    let all: usize = indices.iter().map(|index| index.all_shards()).sum();
    let there: u64 = indices.iter().map(|index| index.shards).sum();
    Ok(Reply::json(
        object! {"_shards": object! {"total": all, "successful": there, "failed": 0}},
    ))
}

pub(super) fn open(store: &mut Store, names: &str, open: bool, turn: &mut Turn<'_>) -> Answer {
    let found = store.named(names)?;
    let mut closed = Vec::new();
    for index in found {
        store.index_mut(&index.name)?.open = open;
        closed.push((index.name.clone(), object! {"closed": true}));
        turn.records.push(Record::write(
            if open { "open_index" } else { "close_index" },
            &index.name,
            None,
        ));
    }
    let mut answer = object! {"acknowledged": true, "shards_acknowledged": true};
    if !open {
        answer.set("indices", Json::Map(closed));
    }
    Ok(Reply::json(answer))
}

/// `_stats`
pub(super) fn stats(store: &Store, names: &str) -> Answer {
    let indices = store.named(names)?;
    let one = |count: usize, deleted: u64, bytes: u64| {
        object! {
            "docs": object! {"count": count, "deleted": deleted},
            "store": object! {"size_in_bytes": bytes, "reserved_in_bytes": 0},
        }
    };
    let both = |count: usize, deleted: u64, bytes: u64| {
        object! {"primaries": one(count, deleted, bytes), "total": one(count, deleted, bytes)}
    };
    let each = indices.iter().map(|index| {
        let mut stats = object! {"uuid": &index.uuid};
        let both = both(index.count(), index.deleted, index.size());
        both.members()
            .iter()
            .for_each(|(name, value)| stats.set(name, value.clone()));
        (index.name.clone(), stats)
    });
    let (count, deleted) = (
        indices.iter().map(|index| index.count()).sum(),
        indices.iter().map(|index| index.deleted).sum(),
    );
    let bytes = indices.iter().map(|index| index.size()).sum();
    let all: u64 = indices.iter().map(|index| index.all_shards() as u64).sum();
    let there: u64 = indices.iter().map(|index| index.shards).sum();
    let mut shards = shards(there);
    shards.remove("skipped");
    shards.set("total", all);
    Ok(Reply::json(object! {
        "_shards": shards, "_all": both(count, deleted, bytes), "indices": Json::Map(each.collect()),
    }))
}

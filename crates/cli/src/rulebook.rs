//! `rules`: the built-in rules, those of files, and adding to and taking from them.

use std::path::{Path, PathBuf};

use detect::{Ruleset, built_in_rules};
use serde::Serialize;
use serde_json::json;

use crate::args::{Rules, RulesTest};
use crate::context::Context;
use crate::exit::{Code, Failure, Result};
use crate::output::say;

/// One rule in the list.
#[derive(Serialize)]
struct Row {
    id: String,
    title: String,
    kind: String,
    class: detect::Class,
    mitre: Vec<String>,
    enabled: bool,
    origin: String,
}

/// Built-in rules that were removed, one id a line.
const REMOVED: &str = "removed";

pub fn rules(cx: &Context, asked: &Rules) -> Result {
    match asked {
        Rules::List => list(cx),
        Rules::Add { file } => add(cx, file),
        Rules::Remove { id } => remove(cx, id),
        Rules::Test(what) => test(cx, what),
        Rules::Lint { files } => lint(cx, files),
    }
}

/// The rules added on this machine.
pub fn installed(cx: &Context) -> Result<Ruleset> {
    let folder = folder(cx);
    if folder.is_dir() {
        load(&folder)
    } else {
        Ok(Ruleset::default())
    }
}

/// Built-in rules that were removed on this machine.
pub fn removed(cx: &Context) -> Vec<String> {
    let text = std::fs::read_to_string(folder(cx).join(REMOVED)).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

fn folder(cx: &Context) -> PathBuf {
    cx.state_dir().join("rules")
}

fn load(path: &Path) -> Result<Ruleset> {
    scan::rules(path).map_err(|error| Failure::new(Code::Usage, error.to_string()).into())
}

fn list(cx: &Context) -> Result {
    let removed = removed(cx);
    let mut rows: Vec<Row> = built_in_rules()
        .into_iter()
        .map(|rule| Row {
            enabled: !removed.contains(&rule.id),
            id: rule.id,
            title: rule.title,
            kind: "built-in".to_owned(),
            class: rule.class,
            mitre: rule.mitre,
            origin: "built-in".to_owned(),
        })
        .collect();
    let added = installed(cx)?;
    rows.extend(added.iter().map(|definition| Row {
        id: definition.rule.id.clone(),
        title: definition.rule.title.clone(),
        kind: definition.kind.to_owned(),
        class: definition.rule.class,
        mitre: definition.rule.mitre.clone(),
        enabled: true,
        origin: definition.origin.clone(),
    }));
    let cells = |row: &Row| {
        let enabled = if row.enabled { "yes" } else { "no" };
        vec![
            row.id.clone(),
            row.title.clone(),
            row.kind.clone(),
            row.mitre.join(" "),
            enabled.to_owned(),
        ]
    };
    cx.out.list(
        &rows,
        &["rule", "title", "kind", "techniques", "enabled"],
        cells,
        "there is no rule",
    )
}

fn add(cx: &Context, file: &Path) -> Result {
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::new(Code::Usage, format!("cannot read {}: {error}", file.display())))?;
    let mut set = installed(cx)?;
    let before = set.iter().count();
    set.add(&file.display().to_string(), &text)
        .and_then(|()| set.check())
        .map_err(refused)?;
    let folder = folder(cx);
    let first = set
        .iter()
        .nth(before)
        .map(|definition| definition.rule.id.clone())
        .unwrap_or_default();
    let cannot = |error: std::io::Error| {
        Failure::new(
            Code::Unreachable,
            format!("cannot write to {}: {error}", folder.display()),
        )
        .help("run as root, or name a folder of yours with --state-dir")
    };
    std::fs::create_dir_all(&folder).map_err(cannot)?;
    std::fs::write(folder.join(format!("{first}.yaml")), text).map_err(cannot)?;
    let added: Vec<&str> = set
        .iter()
        .skip(before)
        .map(|definition| definition.rule.id.as_str())
        .collect();
    if cx.out.json {
        cx.out.value(&json!({ "added": added }))
    } else {
        say!("added {}", added.join(", "))
    }
}

fn remove(cx: &Context, id: &str) -> Result {
    let folder = folder(cx);
    let unknown = || {
        Failure::new(Code::Invalid, format!("there is no rule `{id}`"))
            .help("`decnet rules list` shows those there are")
    };
    let cannot = |error: std::io::Error| {
        Failure::new(
            Code::Unreachable,
            format!("cannot write to {}: {error}", folder.display()),
        )
    };
    let set = installed(cx)?;
    if let Some(found) = set
        .iter()
        .find(|definition| definition.rule.id.eq_ignore_ascii_case(id))
    {
        let others = set
            .iter()
            .filter(|definition| definition.origin == found.origin)
            .count();
        if others > 1 {
            let what = format!("{} holds {others} rules; take it out of that file", found.origin);
            return Err(Failure::new(Code::Conflict, what).into());
        }
        std::fs::remove_file(&found.origin).map_err(cannot)?;
        return say!("removed {}", found.rule.id);
    }
    let rule = built_in_rules()
        .into_iter()
        .find(|rule| rule.id.eq_ignore_ascii_case(id))
        .ok_or_else(unknown)?;
    let mut gone = removed(cx);
    if !gone.contains(&rule.id) {
        gone.push(rule.id.clone());
    }
    std::fs::create_dir_all(&folder).map_err(cannot)?;
    std::fs::write(folder.join(REMOVED), gone.join("\n")).map_err(cannot)?;
    say!(
        "removed {}; delete its line in {} to have it back",
        rule.id,
        folder.join(REMOVED).display()
    )
}

fn test(cx: &Context, asked: &RulesTest) -> Result {
    let set = match &asked.file {
        Some(path) => load(path)?,
        None => installed(cx)?,
    };
    let outcomes = set.test();
    let failures = outcomes.iter().filter(|outcome| !outcome.passed).count();
    let cells = |outcome: &detect::TestOutcome| {
        let how = if outcome.passed {
            "passed".to_owned()
        } else {
            format!("expected {}, found {}", outcome.expected, outcome.found)
        };
        vec![
            outcome.rule.clone(),
            outcome.name.clone(),
            outcome.error.clone().unwrap_or(how),
        ]
    };
    cx.out.list(
        &outcomes,
        &["rule", "test", "result"],
        cells,
        "the rules carry no tests",
    )?;
    if failures > 0 {
        return Err(Failure::new(Code::Invalid, format!("{failures} of {} tests failed", outcomes.len())).into());
    }
    Ok(())
}

fn lint(cx: &Context, files: &[PathBuf]) -> Result {
    for file in files {
        load(file)?;
    }
    cx.out.note("all rules are valid");
    Ok(())
}

fn refused(error: detect::Error) -> Failure {
    Failure::new(Code::Usage, error.to_string())
}

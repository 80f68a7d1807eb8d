//! Databases, asked and tried by stock clients, and what of it lands in the store.

use e2e::grid::{DATA, PASSWORD, grid};
use e2e::tools::{must, sh};
use serde_json::Value;

const DECKY: &str = "e2e-data";

fn mysql(words: &str) -> String {
    format!("mariadb -h {DATA} -u root -p{PASSWORD} {words}")
}

#[test]
fn mysql_is_asked_for_its_databases_and_release() {
    grid();
    let said = must(&mysql("-N -B -e 'show databases; select @@version'")).unwrap();
    let lines: Vec<&str> = said.lines().collect();
    assert!(
        lines.contains(&"information_schema") && lines.contains(&"mysql"),
        "{said}"
    );
    assert!(lines.last().is_some_and(|line| line.contains("MariaDB")), "{said}");
    let told = grid().event(DECKY, "db_query", |event| text(event, "sql") == "select @@version");
    assert_eq!(told.unwrap()["service"], "mysql");
}

#[test]
fn a_wrong_mysql_password_is_refused_and_each_try_is_one_event() {
    grid();
    for n in 0..3 {
        let said = sh(&format!("mariadb -h {DATA} -u root -pwrong-{n} -e 'select 1' 2>&1")).unwrap();
        assert!(
            said.text()
                .contains("ERROR 1045 (28000): Access denied for user 'root'@'10.201."),
            "{}",
            said.text()
        );
        assert!(said.text().contains("(using password: YES)"), "{}", said.text());
    }
    let none = sh(&format!("mariadb -h {DATA} -u nobody-here -e 'select 1' 2>&1")).unwrap();
    assert!(
        none.text()
            .contains("(28000): Access denied for user 'nobody-here'@'10.201."),
        "{}",
        none.text()
    );
    let none = sh(&format!("mariadb -h {DATA} -u root -e 'select 1' 2>&1")).unwrap();
    assert!(none.text().contains("(using password: NO)"), "{}", none.text());
    let tried = |event: &Value| text(event, "principal") == "nobody-here";
    grid().event(DECKY, "auth_attempt", tried).unwrap();
    let wrong = |event: &&Value| {
        event["service"] == "mysql" && event["fields"]["outcome"] == "failure" && text(event, "principal") == "root"
    };
    let answers = attempts();
    let scrambles: std::collections::BTreeSet<String> = answers
        .iter()
        .filter(wrong)
        .filter(|event| text(event, "secret_kind") == "mysql_native_password")
        .map(|event| text(event, "scramble_hex"))
        .collect();
    assert!(scrambles.len() >= 3, "{answers:#?}");
}

#[test]
fn a_mysql_database_is_dumped_whole() {
    grid();
    let app = must(&mysql(
        "-N -B -e \"select schema_name from information_schema.schemata where schema_name not in \
         ('information_schema', 'mysql', 'performance_schema', 'sys')\"",
    ))
    .unwrap();
    let app = app.lines().next().unwrap().to_owned();
    let dump = must(&format!("mariadb-dump -h {DATA} -u root -p{PASSWORD} {app}")).unwrap();
    for wanted in [
        "CREATE TABLE `customers`",
        "INSERT INTO `users`",
        "-- Dump completed on",
    ] {
        assert!(dump.contains(wanted), "{dump}");
    }
}

#[test]
fn hydra_finds_the_passwords_of_databases_and_every_try_is_one_event() {
    grid();
    let dir = e2e::grid::root().join("target/e2e");
    let tries = ["d-alpha", "d-bravo", "d-charlie", "d-delta", "d-echo", PASSWORD];
    std::fs::write(dir.join("data-passwords"), tries.join("\n")).unwrap();
    for (service, user) in [("mysql", "root"), ("postgres", "postgres")] {
        let before = settled(service);
        // PostgreSQL's library would try each password again without TLS.
        let line = format!(
            "PGSSLMODE=require hydra -I -t 2 -l {user} -P {}/data-passwords {service}://{DATA}",
            dir.display()
        );
        let found = must(&line).unwrap();
        assert!(found.contains(&format!("password: {PASSWORD}")), "{found}");
        assert_eq!(settled(service), before + tries.len(), "{service}");
    }
}

#[test]
fn nmap_names_the_databases() {
    grid();
    let scan = must(&format!("nmap -Pn -sV -n -p 3306 {DATA}")).unwrap();
    assert!(scan.contains("MariaDB") && scan.contains("10.11"), "{scan}");
    assert!(!scan.contains("unrecognized"), "{scan}");
    // Of PostgreSQL 15 it asks for the fingerprint whoever answers: the genuine server's is this one.
    let scan = must(&format!("nmap -Pn -sV -n -p 5432 {DATA}")).unwrap();
    assert!(scan.contains("PostgreSQL DB 9.6.0 or later"), "{scan}");
    let printed: String = scan.lines().filter_map(|line| line.strip_prefix("SF:")).collect();
    let genuine = r"server\x20supports\x203\.0\x20to\x203\.0\0Fpostmaster\.c\0L2222\0RProcessStartupPacket\0\0";
    assert!(printed.contains(genuine), "{printed}");
}

#[test]
fn postgres_lists_its_databases_and_misses_one_only_after_the_password() {
    grid();
    let psql = |database: &str, password: &str, command: &str| {
        sh(&format!(
            "PGPASSWORD={password} psql -XAt -v VERBOSITY=verbose -h {DATA} -U postgres -d {database} -c '{command}' 2>&1"
        ))
        .unwrap()
    };
    let listed = psql("postgres", PASSWORD, r"\l");
    assert!(listed.text().contains("template0|postgres|UTF8"), "{}", listed.text());
    let missing = psql("no-such", PASSWORD, "select 1");
    assert!(
        missing.text().contains("database \"no-such\" does not exist"),
        "{}",
        missing.text()
    );
    let refused = psql("no-such", "p-wrong", "select 1");
    assert!(
        refused
            .text()
            .contains("password authentication failed for user \"postgres\""),
        "{}",
        refused.text()
    );
    let tried = |event: &Value| text(event, "database") == "no-such" && event["fields"]["outcome"] == "success";
    grid().event(DECKY, "auth_attempt", tried).unwrap();
}

#[test]
fn answers_to_challenges_are_exported_to_be_guessed_at() {
    grid();
    sh(&format!("mariadb -h {DATA} -u root -pto-be-guessed -e 'select 1'")).unwrap();
    let listed = e2e::tools::until("a line", std::time::Duration::from_secs(20), || {
        let lines = grid().decnet(&["credentials", "export", "--format", "hashcat", "--mode", "11200"])?;
        Ok((!lines.is_empty()).then_some(lines))
    });
    let listed = listed.unwrap();
    let sound = |line: &str| line.starts_with("$mysqlna$") && line.len() == "$mysqlna$*".len() + 80;
    assert!(listed.lines().all(sound), "{listed}");
}

fn attempts() -> Vec<Value> {
    let listed = grid().json(&[
        "events",
        "--json",
        "--decky",
        DECKY,
        "--kind",
        "auth_attempt",
        "--limit",
        "10000",
    ]);
    listed.unwrap().as_array().unwrap().clone()
}

/// How many there are once no more come.
fn settled(service: &str) -> usize {
    let mut before = count(service);
    e2e::tools::until("quiet", std::time::Duration::from_secs(30), || {
        std::thread::sleep(std::time::Duration::from_secs(2));
        let now = count(service);
        let is_quiet = now == before;
        before = now;
        Ok(is_quiet.then_some(now))
    })
    .unwrap()
}

fn count(service: &str) -> usize {
    attempts().iter().filter(|event| event["service"] == service).count()
}

fn text(event: &Value, field: &str) -> String {
    event["fields"][field].as_str().unwrap_or_default().to_owned()
}

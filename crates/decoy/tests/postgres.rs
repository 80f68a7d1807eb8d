//! PostgreSQL, driven by stock clients.

mod stand;

use serde_json::json;
use stand::Stand;

fn postgres() -> Stand {
    Stand::new("postgres", json!({"password": "s3cret"}))
}

/// psql as the superuser, what it prints unaligned.
fn psql(stand: &Stand, sql: &str) -> String {
    let sql = sql.replace('\'', r"'\''");
    let line = format!(
        "PGPASSWORD=s3cret psql -XAt -h 127.0.0.1 -p {{port}} -U postgres -d \"$(cat {{root}}/app)\" -c '{sql}' 2>&1"
    );
    stand.sh(&line)
}

/// The name of the bait's database, found as anyone would find it.
fn with_database(stand: &Stand) -> String {
    let name = stand.sh("PGPASSWORD=s3cret psql -XAt -h 127.0.0.1 -p {port} -U postgres -c \
         \"select datname from pg_database where not datistemplate and datname <> 'postgres'\" | tee {root}/app");
    name.trim().to_owned()
}

#[test]
fn psql_shows_what_there_is() {
    let stand = postgres();
    let app = with_database(&stand);
    let listed = psql(&stand, r"\l");
    assert!(
        listed.contains(&format!("{app}|{app}|UTF8|C.UTF-8|C.UTF-8||libc|")),
        "{listed}"
    );
    assert!(listed.contains("template0|postgres|UTF8"), "{listed}");
    let roles = psql(&stand, r"\du");
    assert!(
        roles.contains("postgres|Superuser, Create role, Create DB, Replication, Bypass RLS|{}\n"),
        "{roles}"
    );
    let tables = psql(&stand, r"\dt");
    for table in ["api_keys", "customers", "orders", "users"] {
        assert!(tables.contains(&format!("public|{table}|table|{app}\n")), "{tables}");
    }
    let shown = psql(&stand, r"\d orders");
    assert!(shown.contains("customer_id|integer||not null|\n"), "{shown}");
    let shown =
        stand.sh("PGPASSWORD=s3cret psql -XA -h 127.0.0.1 -p {port} -U postgres \"$(cat {root}/app)\" -c '\\d orders'");
    assert!(
        shown.contains(
            "\"orders_customer_id_fkey\" FOREIGN KEY (customer_id) REFERENCES customers(id) ON DELETE CASCADE"
        ),
        "{shown}"
    );
    assert!(psql(&stand, r"\dn").starts_with("public|pg_database_owner"));
    assert!(psql(&stand, "select version()").starts_with("PostgreSQL 15.18 (Debian 15.18-0+deb12u1) on x86_64"));
    assert_eq!(psql(&stand, "show server_version_num"), "150018\n");
    stand.told("db_query", "sql", "select version()");
}

#[test]
fn pg_dump_brings_tables_keys_indexes_and_every_row_away() {
    let stand = postgres();
    with_database(&stand);
    let dumped = stand
        .run("PGPASSWORD=s3cret pg_dump -h 127.0.0.1 -p {port} -U postgres \"$(cat {root}/app)\" > {root}/dump.sql");
    assert!(dumped.status.success(), "{}", String::from_utf8_lossy(&dumped.stderr));
    let dump = std::fs::read_to_string(stand.root.path().join("dump.sql")).unwrap();
    for wanted in [
        "CREATE TABLE public.customers (\n    id integer NOT NULL,\n    name character varying(120) NOT NULL,\n",
        "    created_at timestamp with time zone DEFAULT now() NOT NULL\n",
        "CREATE SEQUENCE public.orders_id_seq\n    START WITH 1\n",
        "ALTER TABLE ONLY public.orders ALTER COLUMN id SET DEFAULT nextval('public.orders_id_seq'::regclass);",
        "    ADD CONSTRAINT customers_email_key UNIQUE (email);",
        "CREATE INDEX orders_customer_id_idx ON public.orders USING btree (customer_id);",
        "    ADD CONSTRAINT orders_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES public.customers(id) ON DELETE CASCADE;",
    ] {
        assert!(dump.contains(wanted), "no {wanted:?} in {dump}");
    }
    let counted = psql(&stand, "select count(*) from orders");
    let copied = dump
        .split("COPY public.orders")
        .nth(1)
        .unwrap()
        .split("\\.")
        .next()
        .unwrap();
    assert_eq!(copied.lines().count() - 1, counted.trim().parse::<usize>().unwrap());
}

#[test]
fn what_one_writes_is_there_when_he_comes_back() {
    let stand = postgres();
    with_database(&stand);
    assert_eq!(
        psql(&stand, "create table loot (id serial primary key, note text)"),
        "CREATE TABLE\n"
    );
    assert_eq!(
        psql(&stand, "insert into loot (note) values ('one'), ('two') returning id"),
        "1\n2\nINSERT 0 2\n"
    );
    assert_eq!(
        psql(&stand, "update loot set note = upper(note) where id = 2"),
        "UPDATE 1\n"
    );
    assert_eq!(
        psql(
            &stand,
            "begin; delete from loot; rollback; select note from loot order by id"
        ),
        "BEGIN\nDELETE 2\nROLLBACK\none\nTWO\n"
    );
    assert_eq!(
        psql(&stand, "drop table users cascade; select to_regclass('users') is null"),
        "DROP TABLE\nt\n"
    );
}

#[test]
fn a_program_is_run_as_the_product_runs_it_and_told() {
    let stand = postgres();
    with_database(&stand);
    let said = psql(
        &stand,
        "create table out (line text); copy out from program 'echo taken; echo over'; select line from out",
    );
    assert_eq!(said, "CREATE TABLE\nCOPY 2\ntaken\nover\n");
    let told = stand.told("exec_attempt", "way", "copy_program");
    assert_eq!(told.text("payload"), Some("echo taken; echo over"));
    let said = psql(&stand, "copy out from program 'exit 3'");
    assert!(
        said.contains("ERROR:  program \"exit 3\" failed\nDETAIL:  child process exited with exit code 3"),
        "{said}"
    );
    let said = psql(&stand, "create function f() returns int language c as '/tmp/x.so', 'f'");
    assert!(
        said.contains("could not access file \"/tmp/x.so\": No such file or directory"),
        "{said}"
    );
    stand.told("exec_attempt", "way", "create_function");
}

#[test]
fn files_are_read_and_written_as_far_as_the_machine_lets() {
    let stand = postgres();
    with_database(&stand);
    assert_eq!(
        psql(&stand, "select pg_read_file('/etc/group')"),
        "root:x:0:\nkim:x:1000:\n\n"
    );
    let said = psql(&stand, "select pg_read_file('/etc/nothing')");
    assert!(
        said.contains("could not open file \"/etc/nothing\" for reading: No such file or directory"),
        "{said}"
    );
    assert_eq!(
        psql(&stand, "copy (select 'key') to '/tmp/authorized_keys'"),
        "COPY 1\n"
    );
    let written = stand.told("file_write", "path", "/tmp/authorized_keys");
    assert_eq!(stand.blob(written.text("sha256").unwrap()), b"key\n");
    assert_eq!(
        std::fs::read(stand.root.path().join("tmp/authorized_keys")).unwrap(),
        b"key\n"
    );
}

#[test]
fn every_try_is_told_with_what_it_takes_to_check_a_guess() {
    let stand = postgres();
    let wrong = stand.sh("PGPASSWORD=wrong psql -h 127.0.0.1 -p {port} -U postgres -c 'select 1' 2>&1");
    assert!(
        wrong.contains("FATAL:  password authentication failed for user \"postgres\""),
        "{wrong}"
    );
    let told = stand.told("auth_attempt", "secret_printable", "wrong");
    assert_eq!(
        (told.text("outcome"), told.text("principal"), told.text("method")),
        (Some("failure"), Some("postgres"), Some("password"))
    );
    let nowhere = stand.sh("PGPASSWORD=s3cret psql -h 127.0.0.1 -p {port} -U postgres -d nowhere -c 'select 1' 2>&1");
    assert!(
        nowhere.contains("FATAL:  database \"nowhere\" does not exist"),
        "{nowhere}"
    );
    let plain = stand.sh(
        "PGPASSWORD=s3cret psql -XAt \"host=127.0.0.1 port={port} user=postgres sslmode=disable\" -c 'select 1' 2>&1",
    );
    assert_eq!(plain, "1\n");
    let told = stand.event("auth_attempt", |told| {
        told.text("secret_kind") == Some("postgres_md5_challenge") && told.text("outcome") == Some("success")
    });
    assert_eq!(told.text("salt_hex").unwrap().len(), 8);
}

#[test]
fn scram_is_spoken_with_and_without_channel_binding() {
    let stand = Stand::new("postgres", json!({"password": "s3cret", "auth": "scram-sha-256"}));
    for mode in ["sslmode=require channel_binding=require", "sslmode=disable"] {
        let said = stand.sh(&format!(
            "PGPASSWORD=s3cret psql -XAt 'host=127.0.0.1 port={{port}} user=postgres {mode}' -c 'select 1' 2>&1"
        ));
        assert_eq!(said, "1\n", "{mode}");
    }
    stand.sh("PGPASSWORD=no psql -XAt 'host=127.0.0.1 port={port} user=nobody sslmode=disable' -c 'select 1' 2>&1");
    let told = stand.told("auth_attempt", "principal", "nobody");
    assert_eq!(
        (told.text("secret_kind"), told.text("outcome")),
        (Some("scram_sha256"), Some("failure"))
    );
    assert!(told.text("server_first").unwrap().contains(",i=4096"), "{told:?}");
}

#[test]
fn hydra_finds_the_password_and_every_try_is_told() {
    let stand = postgres();
    let found = stand.sh("printf 'a\\nb\\nc\\ns3cret\\n' > {root}/p; \
         PGSSLMODE=require PGPORT={port} hydra -I -t 1 -s {port} -l postgres -P {root}/p 127.0.0.1 postgres 2>&1");
    assert!(found.contains("login: postgres   password: s3cret"), "{found}");
    assert_eq!(stand.reports("auth_attempt").len(), 4);
}

#[test]
fn nmap_names_the_product() {
    let stand = postgres();
    let seen = stand.sh("nmap -Pn -sV -p {port} 127.0.0.1");
    assert!(seen.contains("PostgreSQL DB"), "{seen}");
}

#[test]
fn a_prepared_statement_takes_its_values_apart() {
    let stand = postgres();
    with_database(&stand);
    let said = stand.sh(
        "PGPASSWORD=s3cret pgbench -n -t 3 -M extended -f <(echo 'select count(*) from orders where id < 5;') -h 127.0.0.1 -p {port} -U postgres \"$(cat {root}/app)\" 2>&1",
    );
    assert!(
        said.contains("number of transactions actually processed: 3/3"),
        "{said}"
    );
}

//! MariaDB and MySQL, driven by stock clients.

#![allow(clippy::unwrap_used)]

mod stand;

use serde_json::json;
use stand::Stand;

fn mariadb() -> Stand {
    Stand::new("mysql", json!({"password": "s3cret"}))
}

fn mysql8() -> Stand {
    Stand::new(
        "mysql",
        json!({"password": "s3cret", "family": "mysql", "version": "8.0.36", "comment": "MySQL Community Server - GPL"}),
    )
}

/// What the client prints of statements given as they are, unaligned.
fn ask(stand: &Stand, sql: &str) -> String {
    std::fs::write(stand.root.path().join("ask.sql"), sql).unwrap();
    stand.sh("mariadb -h 127.0.0.1 -P {port} -u root -ps3cret -N -B -f < {root}/ask.sql 2>&1")
}

/// The same without the statements the client shows before what is wrong with them.
fn answers(stand: &Stand, sql: &str) -> String {
    let mut within = false;
    let said = ask(stand, sql);
    let lines = said.lines().filter(|line| {
        let rule = *line == "--------------";
        within ^= rule;
        !rule && !within && !line.is_empty()
    });
    lines.flat_map(|line| [line, "\n"]).collect()
}

/// The name of the bait's database, found as anyone would find it.
fn app(stand: &Stand) -> String {
    let name = ask(
        stand,
        "select schema_name from information_schema.schemata where schema_name not in \
         ('information_schema','mysql','performance_schema','sys')",
    );
    name.trim().to_owned()
}

#[test]
fn the_client_shows_what_there_is() {
    let stand = mariadb();
    let app = app(&stand);
    let listed = ask(&stand, "show databases");
    for name in ["information_schema", "mysql", "performance_schema", "sys", &app] {
        assert!(listed.lines().any(|line| line == name), "{listed}");
    }
    assert_eq!(
        ask(&stand, "select @@version, version()"),
        "10.11.19-MariaDB-0+deb12u1\t10.11.19-MariaDB-0+deb12u1\n"
    );
    let tables = ask(&stand, &format!("use {app}; show tables"));
    assert_eq!(tables, "api_keys\ncustomers\norders\nusers\n");
    let columns = ask(&stand, &format!("describe {app}.orders"));
    assert!(
        columns.contains("id\tbigint(20) unsigned\tNO\tPRI\tNULL\tauto_increment\n"),
        "{columns}"
    );
    assert!(columns.contains("total\tdecimal(10,2)\tNO\t\tNULL\t\n"), "{columns}");
    let made = ask(&stand, &format!("show create table {app}.customers"));
    assert!(
        made.contains("`id` int(10) unsigned NOT NULL AUTO_INCREMENT,"),
        "{made}"
    );
    let grants = ask(&stand, "show grants");
    assert!(grants.contains("GRANT ALL PRIVILEGES ON *.* TO `root`@`%`"), "{grants}");
    assert!(ask(&stand, "show variables like 'version_comment'").contains("Debian 12"));
    assert!(ask(&stand, "show status like 'Uptime'").starts_with("Uptime\t"));
    assert!(ask(&stand, "show processlist").contains("show processlist"));
    assert!(ask(&stand, "select user, host from mysql.user").contains("root\t%"));
    stand.told("db_query", "sql", "show grants");
}

#[test]
fn rows_are_written_and_read_again() {
    let stand = mariadb();
    let said = ask(
        &stand,
        "create database x; use x; create table t (id int auto_increment primary key, n varchar(10), d datetime default now());\n\
         insert into t (n) values ('a'), ('B'), (null); select id, n from t where n = 'b'; select count(*), max(id) from t;\n\
         update t set n = concat(n, 1) where id < 3; select n from t order by n desc limit 1, 1; delete from t; select * from t;\n\
         insert into t values (7, 'x', '2024-01-02 03:04:05'); select * from t; insert into t (n) values ('y'); select max(id) from t;\n\
         drop database x; show databases like 'x'",
    );
    assert_eq!(said, "2\tB\n3\t3\na1\n7\tx\t2024-01-02 03:04:05\n8\n");
}

#[test]
fn values_are_taken_for_one_another() {
    let stand = mariadb();
    for (asked, wanted) in [
        ("1+1, '1'+1, 7/2, 7 div 2, 7 % 4", "2\t2\t3.5000\t3\t3\n"),
        ("1=1, 1='1', 'a'='A', null=1, null<=>null", "1\t1\t1\tNULL\t1\n"),
        ("if(1>2,'a','b'), ifnull(null,3), concat('a',1,2.5)", "b\t3\ta12.5\n"),
        ("'abc' like 'A%', 'abc' regexp '^b', not 1", "1\t0\t0\n"),
        ("0x414243, hex('AB'), unhex('4142'), char(65,66)", "ABC\t4142\tAB\tAB\n"),
        (
            "substring('hello',2,3), mid('hello',-3), left('hello',2)",
            "ell\tllo\the\n",
        ),
        (
            "length('é'), char_length('é'), upper('abc'), reverse('abc')",
            "2\t1\tABC\tcba\n",
        ),
        (
            "md5('a'), sha1('a')",
            "0cc175b9c0f1b6a831c399e269772661\t86f7e437faa5a7fce15d1ddcb9eaeaea377667b8\n",
        ),
        (
            "date_format('2024-01-02 03:04:05', '%Y/%m/%d %H-%i'), '2024-01-31' + interval 1 month",
            "2024/01/02 03-04\t2024-02-29\n",
        ),
        ("@a := 5, @a + 1, 1 or 0, 1 && 0, 3 | 4", "5\t6\t1\t0\t7\n"),
        (
            "cast('12abc' as signed), cast(3.7 as char), 1.5e0, true",
            "12\t3.7\t1.5\t1\n",
        ),
        (
            "count(*), group_concat(a) from (select 1 a union select 2) t",
            "2\t1,2\n",
        ),
    ] {
        assert_eq!(ask(&stand, &format!("select {asked}")), wanted, "{asked}");
    }
}

#[test]
fn what_is_wrong_is_refused_with_its_number() {
    let stand = mariadb();
    for (asked, wanted) in [
        (
            "selec 1",
            "ERROR 1064 (42000) at line 1: You have an error in your SQL syntax; check the manual that corresponds to your MariaDB server version for the right syntax to use near 'selec 1' at line 1\n",
        ),
        (
            "select * from t",
            "ERROR 1046 (3D000) at line 1: No database selected\n",
        ),
        (
            "select * from mysql.t",
            "ERROR 1146 (42S02) at line 1: Table 'mysql.t' doesn't exist\n",
        ),
        (
            "use nothing",
            "ERROR 1049 (42000) at line 1: Unknown database 'nothing'\n",
        ),
        (
            "select nothing",
            "ERROR 1054 (42S22) at line 1: Unknown column 'nothing' in 'SELECT'\n",
        ),
        (
            "select 1 from dual where nothing = 1",
            "ERROR 1054 (42S22) at line 1: Unknown column 'nothing' in 'WHERE'\n",
        ),
        (
            "select nothing.a",
            "ERROR 1109 (42S02) at line 1: Unknown table 'nothing' in SELECT\n",
        ),
        (
            "insert into mysql.user values (1)",
            "ERROR 1356 (HY000) at line 1: View 'mysql.user' references invalid table(s) or column(s) or function(s) or definer/invoker of view lack rights to use them\n",
        ),
        (
            "use mysql; select nothing()",
            "ERROR 1305 (42000) at line 1: FUNCTION mysql.nothing does not exist\n",
        ),
        (
            "select @@nothing",
            "ERROR 1193 (HY000) at line 1: Unknown system variable 'nothing'\n",
        ),
        (
            "select extractvalue(1, concat(0x7e, version()))",
            "ERROR 1105 (HY000) at line 1: XPATH syntax error: '~10.11.19-MariaDB-0+deb12u1'\n",
        ),
        (
            "create database mysql",
            "ERROR 1007 (HY000) at line 1: Can't create database 'mysql'; database exists\n",
        ),
    ] {
        let said = ask(&stand, asked);
        assert!(said.ends_with(wanted), "{asked}: {said}");
    }
}

#[test]
fn a_dump_is_whole_and_can_be_read_in_again() {
    let stand = mariadb();
    let app = app(&stand);
    let dump = stand.sh(&format!(
        "mariadb-dump -h 127.0.0.1 -P {{port}} -u root -ps3cret {app} 2>&1 | tee {{root}}/dump.sql"
    ));
    assert!(dump.contains("-- Dump completed on"), "{dump}");
    let count = ask(&stand, &format!("select count(*) from {app}.orders"));
    ask(&stand, "create database again");
    let said = stand.sh("mariadb -h 127.0.0.1 -P {port} -u root -ps3cret again < {root}/dump.sql 2>&1");
    assert_eq!(said, "");
    assert_eq!(ask(&stand, "select count(*) from again.orders"), count);
    let again = stand.sh("mariadb-dump -h 127.0.0.1 -P {port} -u root -ps3cret again 2>&1");
    let rows = |dump: &str| {
        dump.lines()
            .filter(|line| line.starts_with("INSERT"))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(rows(&again), rows(&dump));
}

#[test]
fn logins_are_told_with_what_they_can_be_guessed_by() {
    let stand = mariadb();
    let said = stand.sh("mariadb -h 127.0.0.1 -P {port} -u root -pwrong -e 'select 1' 2>&1");
    assert!(
        said.contains("ERROR 1045 (28000): Access denied for user 'root'@'127.0.0.1' (using password: YES)"),
        "{said}"
    );
    let told = stand.told("auth_attempt", "outcome", "failure");
    assert_eq!(told.text("secret_kind"), Some("mysql_native_password"));
    assert_eq!(told.text("scramble_hex").map(str::len), Some(40));
    assert!(
        told.fields["client_attrs"]["_client_name"].is_string(),
        "{:?}",
        told.fields
    );
    let said = stand.sh("mariadb -h 127.0.0.1 -P {port} -u nobody -e 'select 1' 2>&1");
    assert!(
        said.contains("ERROR 1698 (28000): Access denied for user 'nobody'@'127.0.0.1'\n"),
        "{said}"
    );
    let said = stand.sh("mariadb -h 127.0.0.1 -P {port} -u admin -e 'select 1' 2>&1");
    assert!(said.contains("'admin'@'127.0.0.1' (using password: NO)"), "{said}");
}

#[test]
fn mysql_8_sees_the_whole_password_with_tls_and_without() {
    let stand = mysql8();
    let script = "import pymysql, sys\n\
        def at(**more):\n\
        \x20   try:\n\
        \x20       c = pymysql.connect(host='127.0.0.1', port=int(sys.argv[1]), user='root', **more)\n\
        \x20       k = c.cursor(); k.execute('select version()'); print(k.fetchone()[0])\n\
        \x20   except pymysql.err.OperationalError as e: print(e.args)\n\
        import ssl\n\
        context = ssl.create_default_context(); context.check_hostname = False; context.verify_mode = ssl.CERT_NONE\n\
        at(password='over-tls', ssl=context); at(password='without'); at(password='s3cret', ssl=context); at(password='s3cret')\n";
    std::fs::write(stand.root.path().join("at.py"), script).unwrap();
    let said = stand.sh("/usr/bin/python3 {root}/at.py {port} 2>&1");
    assert!(
        said.contains("Access denied for user 'root'@'127.0.0.1' (using password: YES)"),
        "{said}"
    );
    assert!(said.ends_with("8.0.36\n8.0.36\n"), "{said}");
    for secret in ["over-tls", "without"] {
        stand.told("auth_attempt", "secret_printable", secret);
    }
}

#[test]
fn several_statements_of_one_text_are_answered_one_by_one() {
    let stand = mariadb();
    let script = "import pymysql, sys\n\
        c = pymysql.connect(host='127.0.0.1', port=int(sys.argv[1]), user='root', password='s3cret', client_flag=65536)\n\
        k = c.cursor(); k.execute('select 1; select 2'); print(k.fetchall()); k.nextset(); print(k.fetchall())\n\
        k.execute('select %s, %s', (\"a'b\", 5)); print(k.fetchall())\n";
    std::fs::write(stand.root.path().join("two.py"), script).unwrap();
    let said = stand.sh("/usr/bin/python3 {root}/two.py {port} 2>&1");
    assert_eq!(said, "((1,),)\n((2,),)\n((\"a'b\", 5),)\n");
}

/// MariaDB's own client library over the binary protocol, and what it prints of MariaDB 10.11.
#[test]
fn prepared_statements_answer_as_mariadbs_do() {
    let stand = mariadb();
    let files = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/conformance/prepared");
    let said = stand.sh(&format!(
        "python3 {files}/client.py 127.0.0.1 {{port}} s3cret {files}/statements.sql 2>&1"
    ));
    let wanted = std::fs::read_to_string(format!("{files}/mariadb.txt")).unwrap();
    for (line, (said, wanted)) in said.lines().zip(wanted.lines()).enumerate() {
        assert_eq!(said, wanted, "line {}", line + 1);
    }
    assert_eq!(said.lines().count(), wanted.lines().count(), "{said}");
    stand.told("db_query", "sql", "delete from x.t where n = ? limit 1");
}

#[test]
fn statements_are_kept_under_names_and_run_with_variables() {
    let stand = mariadb();
    let said = answers(
        &stand,
        "prepare s from 'select ? + 1, ?'; set @a = 1, @b = 'x'; execute s using @a, @b; set @t = 'select 7'; \
         prepare s from @t; execute S; execute s using @a; deallocate prepare s; execute s; drop prepare s; \
         prepare n from 'select nothing'; execute immediate 'select ?' using 5; prepare p from 'execute s'",
    );
    assert_eq!(
        said,
        "2\tx\n7\n\
         ERROR 1210 (HY000) at line 1: Incorrect arguments to EXECUTE\n\
         ERROR 1243 (HY000) at line 1: Unknown prepared statement handler (s) given to EXECUTE\n\
         ERROR 1243 (HY000) at line 1: Unknown prepared statement handler (s) given to DEALLOCATE PREPARE\n\
         ERROR 1054 (42S22) at line 1: Unknown column 'nothing' in 'SELECT'\n\
         5\n\
         ERROR 1295 (HY000) at line 1: This command is not supported in the prepared statement protocol yet\n"
    );
}

#[test]
fn only_as_many_rows_are_changed_as_the_limit_allows_and_the_first_by_the_order() {
    let stand = mariadb();
    let said = answers(
        &stand,
        "create database x; use x; create table t (id int primary key, n varchar(9), k int); \
         insert into t values (3, 'c', 1), (1, 'A', 1), (2, 'b', 1); select id from t; \
         update t set k = 9 order by n desc limit 1; select id, k from t; \
         update t set k = 9 limit 2; select row_count(); delete from t order by k desc, id limit 2; select id from t; \
         delete from t limit 0; select count(*) from t; delete from t where id = 9 order by nothing limit 1; drop database x",
    );
    assert_eq!(
        said,
        "1\n2\n3\n1\t1\n2\t1\n3\t9\n2\n3\n1\n\
         ERROR 1054 (42S22) at line 1: Unknown column 'nothing' in 'ORDER BY'\n"
    );
}

#[test]
fn files_are_written_to_the_machine_and_kept() {
    let stand = mariadb();
    let said = ask(
        &stand,
        "select 0x3c3f706870 into dumpfile '/tmp/shell.php'; select 'again' into outfile '/tmp/shell.php'",
    );
    assert!(
        said.contains("ERROR 1086 (HY000) at line 1: File '/tmp/shell.php' already exists"),
        "{said}"
    );
    assert_eq!(
        std::fs::read(stand.root.path().join("tmp/shell.php")).unwrap(),
        b"<?php"
    );
    let told = stand.told("file_write", "path", "/tmp/shell.php");
    assert_eq!(stand.blob(told.text("sha256").unwrap()), b"<?php");
    std::fs::write(stand.root.path().join("mine.txt"), "one\ttwo\nthree\tfour\n").unwrap();
    std::fs::write(
        stand.root.path().join("load.sql"),
        format!(
            "create database x; use x; create table t (a varchar(9), b varchar(9)); \
             load data local infile '{}/mine.txt' into table t; select * from t;",
            stand.root.path().display()
        ),
    )
    .unwrap();
    let said =
        stand.sh("mariadb --local-infile=1 -h 127.0.0.1 -P {port} -u root -ps3cret -N -B < {root}/load.sql 2>&1");
    assert_eq!(said, "one\ttwo\nthree\tfour\n");
    let told = stand.event("file_write", |report| {
        report.text("path").is_some_and(|path| path.ends_with("mine.txt"))
    });
    assert_eq!(stand.blob(told.text("sha256").unwrap()), b"one\ttwo\nthree\tfour\n");
}

#[test]
fn scanners_name_it() {
    let stand = mariadb();
    let scan = stand.sh("nmap -Pn -n -sV -p {port} 127.0.0.1");
    assert!(
        scan.contains("MySQL 5.5.5-10.11.19-MariaDB-0+deb12u1") || scan.contains("MariaDB"),
        "{scan}"
    );
}

#[test]
fn mysql_8_names_the_parts_of_a_statement_as_it_always_did() {
    let stand = mysql8();
    let script = "import pymysql, sys\n\
        c = pymysql.connect(host='127.0.0.1', port=int(sys.argv[1]), user='root', password='s3cret')\n\
        for s in ['select nothing', 'select 1 from dual where nothing = 1', 'select 1 a order by nothing']:\n\
        \x20   try: c.cursor().execute(s)\n\
        \x20   except pymysql.err.OperationalError as e: print(e.args)\n";
    std::fs::write(stand.root.path().join("parts.py"), script).unwrap();
    let said = stand.sh("/usr/bin/python3 {root}/parts.py {port} 2>&1");
    assert_eq!(
        said,
        "(1054, \"Unknown column 'nothing' in 'field list'\")\n\
         (1054, \"Unknown column 'nothing' in 'where clause'\")\n\
         (1054, \"Unknown column 'nothing' in 'order clause'\")\n"
    );
}

//! Our decoys answer as the genuine products do. `DECOY_TEST_SUBJECT=real|decoy` asks one of the two and prints what
//! it said; without it both are asked and their answers compared.

use std::collections::BTreeMap;

use e2e::genuine;
use e2e::grid::{self, grid};
use e2e::probe::{self, Answers, Corpus, Subject};
use e2e::tools::must;

#[test]
fn ftp_answers_as_vsftpd() {
    // What other tests left at home is not what is compared.
    let tidy = format!(
        "sshpass -p {} ssh {} {}@{} 'rm -rf by-* .bash_history'",
        grid::PASSWORD,
        grid::SSH,
        grid::USER,
        grid::NGINX
    );
    grid();
    must(&tidy).unwrap();
    compare("ftp", &decky(grid::NGINX), &genuine::with_nginx().unwrap());
}

#[test]
fn redis_answers_as_redis_server() {
    compare("redis", &decky(grid::NGINX), &genuine::with_nginx().unwrap());
}

#[test]
fn http_answers_as_nginx() {
    compare("http", &decky(grid::NGINX), &genuine::with_nginx().unwrap());
}

#[test]
fn http_answers_as_apache() {
    compare("http", &decky(grid::APACHE), &genuine::with_apache().unwrap());
}

#[test]
fn https_answers_as_nginx() {
    compare("https", &decky(grid::NGINX), &genuine::with_nginx().unwrap());
}

#[test]
fn https_answers_as_apache() {
    compare("https", &decky(grid::APACHE), &genuine::with_apache().unwrap());
}

#[test]
fn telnet_answers_as_busybox_telnetd() {
    compare("telnet", &decky(grid::NGINX), &genuine::with_nginx().unwrap());
}

#[test]
fn http_lists_and_sends_files_as_nginx_and_apache() {
    for (host, genuine) in [
        (grid::NGINX, genuine::with_nginx()),
        (grid::APACHE, genuine::with_apache()),
    ] {
        compare("http-files", &decky(host), &genuine.unwrap());
    }
}

#[test]
fn ssh_answers_as_openssh_server() {
    compare("ssh", &decky(grid::NGINX), &genuine::with_nginx().unwrap());
}

#[test]
fn smtp_answers_as_postfix() {
    let (ours, genuine) = (decky(grid::MAIL), genuine::with_mail().unwrap());
    compare("smtp", &ours, &genuine);
    for corpus in ["smtp-auth", "smtp-submission", "smtp-submissions"] {
        compare(corpus, &ours, &genuine);
    }
}

#[test]
fn imap_and_pop3_answer_as_dovecot() {
    let (ours, genuine) = (decky(grid::MAIL), genuine::with_mail().unwrap());
    for corpus in ["imap", "pop3"] {
        compare(corpus, &ours, &genuine);
    }
}

#[test]
fn mysql_answers_as_mariadb() {
    let (ours, genuine) = (decky(grid::DATA), genuine::with_data().unwrap());
    // Whom nobody knows fails as one of the accounts would, so that both are to have the same.
    let sql = |host: &str, sql: &str| {
        must(&format!(
            "mariadb -h {host} -u root -p{} -N -B -e \"{sql}\"",
            grid::PASSWORD
        ))
        .unwrap()
    };
    let own = "select user from mysql.user where host = '%' and user <> 'root'";
    for name in sql(&ours.host, own).lines() {
        sql(&genuine.host, &format!("create user '{name}'@'%' identified by 'x'"));
    }
    compare("mysql", &ours, &genuine);
}

#[test]
fn docker_answers_as_dockerd() {
    grid();
    // What other tests made is not what is compared.
    let docker = format!("docker -H tcp://{}:2375", grid::CLOUD);
    must(&format!(
        "for one in $({docker} ps -aq); do {docker} rm -f $one; done; for one in $({docker} images -q); do {docker} rmi -f $one; done"
    ))
    .unwrap();
    compare("docker", &decky(grid::CLOUD), &genuine::docker().unwrap().subject);
}

fn decky(host: &str) -> Subject {
    grid().subject(host).unwrap()
}

/// What differs is asked again with so many times the silence.
const PATIENCE: [u64; 2] = [3, 9];

/// Whatever differs and is not marked as known to in the corpus fails.
fn compare(corpus: &str, ours: &Subject, genuine: &Subject) {
    let path = grid::root().join(format!("fixtures/conformance/{corpus}.yaml"));
    let corpus = Corpus::load(&path).unwrap();
    match std::env::var("DECOY_TEST_SUBJECT").as_deref() {
        Ok("real") => return show(&corpus.ask(genuine).unwrap()),
        Ok("decoy") => return show(&corpus.ask(ours).unwrap()),
        _ => {}
    }
    let (mut said, mut expected) = both(&corpus, ours, genuine);
    assert!(!expected.is_empty(), "{} asks nothing", path.display());
    let known = |name: &str| corpus.probes.iter().any(|probe| probe.differs && probe.name == name);
    for patience in PATIENCE {
        let differs = |name: &str| !known(name) && expected.get(name) != said.get(name);
        if !expected.keys().any(|name| differs(name)) {
            break;
        }
        // On a busy machine silence is not yet the end of an answer.
        let again = corpus.slower(patience, differs);
        let (by_ours, by_genuine) = both(&again, ours, genuine);
        said.extend(by_ours);
        expected.extend(by_genuine);
    }
    let differences = probe::differences(&expected, &said);
    let equal = expected.len() - differences.len();
    println!(
        "{}: {equal} of {} answers equal ({:.1} %)",
        corpus.service,
        expected.len(),
        share(equal, expected.len())
    );
    for difference in differences.values() {
        println!("{difference}");
    }
    let unexpected: Vec<_> = differences.keys().filter(|name| !known(name)).collect();
    assert!(unexpected.is_empty(), "unexpected differences: {unexpected:?}");
}

fn both(corpus: &Corpus, ours: &Subject, genuine: &Subject) -> (Answers, Answers) {
    std::thread::scope(|scope| {
        let said = scope.spawn(|| corpus.ask(ours).unwrap());
        let expected = corpus.ask(genuine).unwrap();
        (said.join().unwrap(), expected)
    })
}

fn share(part: usize, whole: usize) -> f64 {
    part as f64 * 100.0 / whole as f64
}

fn show(answers: &Answers) {
    let shown: BTreeMap<_, _> = answers.iter().map(|(k, v)| (k, v.escape_ascii().to_string())).collect();
    println!("{shown:#?}");
}

use super::*;

const PAUSE: Duration = Duration::from_secs(77);

fn job(title: &str, banner: &str) -> Job {
    let service = model::machine::ServiceSpec {
        slug: title.into(),
        ports: Vec::new(),
        config: [("banner".to_owned(), banner.into())].into(),
        persona: Default::default(),
    };
    Job {
        title: title.into(),
        services: vec![service],
    }
}

fn pause(_: &str, _: u32) -> Duration {
    PAUSE
}

/// Does every move there is, giving new processes ids from `first` on.
fn settle(roster: &mut Roster, first: Pid, now: Instant) -> Vec<Move> {
    let mut pid = first;
    let mut moves = Vec::new();
    while let Some(next) = roster.next_move(now) {
        if let Move::Start(job) = &next {
            roster.started(&job.title, pid, now);
            pid += 1;
        }
        moves.push(next);
    }
    moves
}

#[test]
fn a_service_that_did_not_change_keeps_running_while_others_come_and_go() {
    let (mut roster, now) = (Roster::default(), Instant::now());
    roster.want(&[job("ssh", "a"), job("ftp", "a"), job("http", "a")], false, now);
    assert_eq!(settle(&mut roster, 10, now).len(), 3);
    assert!(roster.is_settled());

    roster.want(&[job("ssh", "a"), job("ftp", "b"), job("redis", "a")], false, now);
    assert_eq!(
        settle(&mut roster, 20, now),
        [Move::Stop(11), Move::Stop(12), Move::Start(job("redis", "a"))],
        "the changed and the removed one stop, the new one starts"
    );
    assert!(!roster.is_settled());
    assert_eq!(roster.ended(12, Ending::Exit(0), now, pause), None);
    assert_eq!(roster.ended(11, Ending::Exit(0), now, pause), None);
    assert_eq!(settle(&mut roster, 30, now), [Move::Start(job("ftp", "b"))]);
    assert!(roster.is_settled());
}

#[test]
fn a_changed_machine_restarts_every_service() {
    let (mut roster, now) = (Roster::default(), Instant::now());
    roster.want(&[job("ssh", "a")], false, now);
    settle(&mut roster, 10, now);
    roster.want(&[job("ssh", "a")], true, now);
    assert_eq!(settle(&mut roster, 20, now), [Move::Stop(10)]);
    roster.ended(10, Ending::Exit(0), now, pause);
    assert_eq!(settle(&mut roster, 20, now), [Move::Start(job("ssh", "a"))]);
}

#[test]
fn a_service_taken_away_and_given_back_before_it_stopped_starts_again() {
    let (mut roster, now) = (Roster::default(), Instant::now());
    roster.want(&[job("ssh", "a")], false, now);
    settle(&mut roster, 10, now);
    roster.want(&[], false, now);
    settle(&mut roster, 0, now);
    roster.want(&[job("ssh", "a")], false, now);
    assert_eq!(settle(&mut roster, 0, now), []);
    roster.ended(10, Ending::Exit(0), now, pause);
    assert_eq!(settle(&mut roster, 20, now), [Move::Start(job("ssh", "a"))]);
}

#[test]
fn a_failing_service_comes_back_ever_later_and_at_most_after_30_s() {
    let (mut roster, mut now) = (Roster::default(), Instant::now());
    roster.want(&[job("ssh", "a")], false, now);
    let mut waits = Vec::new();
    for pid in 1..9 {
        assert_eq!(settle(&mut roster, pid, now), [Move::Start(job("ssh", "a"))]);
        let death = roster.ended(pid, Ending::Exit(101), now, pause).unwrap();
        assert!(!death.killed);
        waits.push(death.restart_in.as_secs());
        assert_eq!(settle(&mut roster, 0, now), [], "not before its time");
        assert_eq!(roster.wake_at(), Some(now + death.restart_in));
        now += death.restart_in;
    }
    assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30, 30]);

    settle(&mut roster, 50, now);
    now += STEADY;
    let death = roster
        .ended(50, Ending::Signal(nix::libc::SIGSEGV), now, pause)
        .unwrap();
    assert_eq!(death.restart_in.as_secs(), 1, "it had run well for a while");
}

#[test]
fn a_killed_service_comes_back_as_if_somebody_had_noticed() {
    for ending in [Ending::Signal(9), Ending::Signal(15), Ending::Exit(0)] {
        let (mut roster, now) = (Roster::default(), Instant::now());
        roster.want(&[job("ssh", "a")], false, now);
        settle(&mut roster, 10, now);
        let death = roster.ended(10, ending, now, pause).unwrap();
        assert!(death.killed);
        assert_eq!(death.restart_in, PAUSE);
        assert_eq!(settle(&mut roster, 20, now + PAUSE), [Move::Start(job("ssh", "a"))]);
    }
}

#[test]
fn a_service_deaf_to_its_order_is_killed_once() {
    let (mut roster, now) = (Roster::default(), Instant::now());
    roster.want(&[job("ssh", "a")], false, now);
    settle(&mut roster, 10, now);
    roster.want(&[], false, now);
    assert_eq!(settle(&mut roster, 0, now), [Move::Stop(10)]);
    assert_eq!(settle(&mut roster, 0, now + PATIENCE), [Move::Kill(10)]);
    assert_eq!(settle(&mut roster, 0, now + PATIENCE * 2), []);
    roster.ended(10, Ending::Signal(9), now, pause);
    assert!(roster.is_empty());
}

#[test]
fn a_process_nobody_knows_is_no_death() {
    assert_eq!(
        Roster::default().ended(4711, Ending::Exit(0), Instant::now(), pause),
        None
    );
}

//! When sessions start.

use crate::draw::Draw;
use crate::language::{Actor, Campaign};

/// 2026-01-01T00:00:00Z, microseconds since 1970.
pub(crate) const EPOCH: i64 = 1_767_225_600 * SECOND;
pub(crate) const SECOND: i64 = 1_000_000;
const HOUR: i64 = 3_600 * SECOND;
pub(crate) const DAY: i64 = 24 * HOUR;

/// Start of each session of a campaign, in the order its steps are carried out; none for those without a day to be on.
pub(crate) fn starts(campaign: &Campaign, draw: &mut Draw) -> Vec<Option<i64>> {
    let pools: Vec<Vec<u32>> = campaign.actors.iter().map(|actor| actor.days(campaign)).collect();
    let mut starts = Vec::new();
    let mut who = Vec::new();
    for step in campaign.steps.iter().filter(|step| step.phase.is_observable()) {
        for _ in 0..step.sessions {
            starts.push(start(&campaign.actors[step.actor], &pools[step.actor], draw));
            who.push(step.actor);
        }
    }
    if campaign.ordered {
        put_in_order(campaign, &pools, &who, &mut starts, draw);
    }
    starts
}

/// Whether the steps can be carried out one after the other at all.
pub(crate) fn can_be_ordered(campaign: &Campaign) -> bool {
    let steps = campaign
        .steps
        .iter()
        .filter(|step| step.phase.is_observable() && step.sessions > 0);
    let who: Vec<usize> = steps.map(|step| step.actor).collect();
    let slots: Vec<Vec<i64>> = campaign
        .actors
        .iter()
        .map(|actor| slots(actor, &actor.days(campaign)))
        .collect();
    let known: Vec<usize> = who.into_iter().filter(|&actor| !slots[actor].is_empty()).collect();
    latest(&known, &slots).is_some()
}

/// Uniform over the actor's hours, jittered, but never out of the hour drawn.
fn start(actor: &Actor, days: &[u32], draw: &mut Draw) -> Option<i64> {
    let day = i64::from(draw.pick(days)?);
    let hour = i64::from(draw.pick(&actor.hours)?);
    let jitter = draw.between(-actor.jitter, actor.jitter);
    let within = (draw.between(0, HOUR - 1) + jitter).clamp(0, HOUR - 1);
    Some(EPOCH + day * DAY + hour * HOUR + within)
}

/// Moves starts as little as is needed for them never to decrease: the drawn times, sorted, are what they aim at.
fn put_in_order(campaign: &Campaign, pools: &[Vec<u32>], who: &[usize], starts: &mut [Option<i64>], draw: &mut Draw) {
    let slots: Vec<Vec<i64>> = campaign
        .actors
        .iter()
        .zip(pools)
        .map(|(actor, days)| slots(actor, days))
        .collect();
    let placed: Vec<usize> = (0..starts.len()).filter(|&n| starts[n].is_some()).collect();
    let mut aims: Vec<i64> = starts.iter().flatten().copied().collect();
    aims.sort_unstable();
    let actors: Vec<usize> = placed.iter().map(|&n| who[n]).collect();
    let Some(latest) = latest(&actors, &slots) else { return };
    let mut before = i64::MIN;
    for (place, &n) in placed.iter().enumerate() {
        let own = &slots[actors[place]];
        let aim = aims[place].max(before);
        let chosen = match own.partition_point(|&slot| slot + HOUR <= aim) {
            open if open == own.len() => latest[place],
            open if own[open] <= aim => aim,
            open => {
                let from = own[open].max(before);
                from + draw.below((own[open] + HOUR - from) as u64) as i64
            }
        };
        before = chosen.min(latest[place]);
        starts[n] = Some(before);
    }
}

/// The latest each session may start for those after it still to find a place.
fn latest(who: &[usize], slots: &[Vec<i64>]) -> Option<Vec<i64>> {
    let mut limit = i64::MAX;
    let mut latest = Vec::with_capacity(who.len());
    for &actor in who.iter().rev() {
        let open = slots[actor].partition_point(|&slot| slot <= limit);
        limit = limit.min(slots[actor][..open].last()? + HOUR - 1);
        latest.push(limit);
    }
    latest.reverse();
    Some(latest)
}

/// Starts of the hours an actor works in, ascending.
fn slots(actor: &Actor, days: &[u32]) -> Vec<i64> {
    let of_day = |&day: &u32| {
        actor
            .hours
            .iter()
            .map(move |&hour| EPOCH + i64::from(day) * DAY + i64::from(hour) * HOUR)
    };
    days.iter().flat_map(of_day).collect()
}

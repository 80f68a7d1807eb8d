//! What the bus is told of a pass (clustering.md §12).

use std::collections::HashMap;

use bus::Subject;
use cluster::reconcile::Change;
use serde_json::{Value, json};
use store::{Level, Notice};
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use super::rows::Rows;

/// Members named in one message; who wants all asks the store.
const NAMED: usize = 1_000;

/// The messages of these changes, in order. `reasons` are the values the members of a row share.
pub(super) fn of(level: Level, changes: &[Change], rows: &Rows, reasons: &HashMap<Uuid, Vec<String>>) -> Vec<Notice> {
    let telling = Telling { rows, reasons };
    let told = changes.iter().flat_map(|change| match level {
        Level::Identity => telling.of_identities(change),
        Level::Campaign => of_campaigns(change),
    });
    told.map(|(subject, payload)| notice(&subject, payload)).collect()
}

/// A message with an id of its own.
pub(super) fn notice(subject: &Subject, payload: Value) -> Notice {
    Notice {
        id: Uuid::now_v7(),
        subject: subject.to_string(),
        payload,
    }
}

struct Telling<'r> {
    rows: &'r Rows,
    reasons: &'r HashMap<Uuid, Vec<String>>,
}

// === impl Telling ===

impl Telling<'_> {
    fn of_identities(&self, change: &Change) -> Vec<(Subject, Value)> {
        match change {
            Change::Form {
                owner,
                members,
                split_from,
            } => {
                let group = self.rows.group(self.rows.effective(*owner));
                let first = group.and_then(|group| group.first_seen?.format(&Rfc3339).ok());
                let payload = json!({
                    "identity_uuid": owner,
                    "observation_uuids": members.iter().take(NAMED).collect::<Vec<_>>(),
                    "observation_count": members.len(),
                    "confidence": group.and_then(|group| group.confidence),
                    "first_seen_at": first,
                    "reason_keys": self.reasons(*owner),
                    "split_from_uuid": split_from,
                });
                vec![(Subject::IDENTITY_FORMED, payload)]
            }
            Change::Link { owner, member, prior } => {
                let payload = json!({
                    "identity_uuid": owner,
                    "observation_uuid": member,
                    "prior_identity_uuid": prior,
                    "confidence_after": self.confidence(*owner),
                });
                vec![(Subject::IDENTITY_OBSERVATION_LINKED, payload)]
            }
            Change::Merge { winner, loser } => {
                let members: Vec<_> = self.rows.members_of(*loser).take(NAMED).collect();
                let payload = json!({
                    "winner_uuid": winner,
                    "loser_uuid": loser,
                    "observation_uuids": members,
                    "reason_keys": self.reasons(*winner),
                    "confidence_after": self.confidence(*winner),
                });
                vec![(Subject::IDENTITY_MERGED, payload)]
            }
            Change::Unmerge { owner, from } => vec![(Subject::IDENTITY_UNMERGED, unmerged(*owner, *from))],
            Change::Doubt { .. } => Vec::new(),
        }
    }

    fn confidence(&self, owner: Uuid) -> Option<f64> {
        self.rows.group(self.rows.effective(owner))?.confidence
    }

    fn reasons(&self, owner: Uuid) -> &[String] {
        let known = self.reasons.get(&self.rows.effective(owner));
        known.map_or(&[], Vec::as_slice)
    }
}

fn of_campaigns(change: &Change) -> Vec<(Subject, Value)> {
    let assigned = |identity: &String, campaign: Uuid, prior: Option<Uuid>| json!({"identity_uuid": identity, "campaign_uuid": campaign, "prior_campaign_uuid": prior});
    match change {
        Change::Form {
            owner,
            members,
            split_from,
        } => {
            let payload = json!({
                "campaign_uuid": owner,
                "identity_uuids": members.iter().take(NAMED).collect::<Vec<_>>(),
                "identity_count": members.len(),
                "split_from_uuid": split_from,
            });
            let formed = std::iter::once((Subject::CAMPAIGN_FORMED, payload));
            // Those of a split are told one by one, with whom they left.
            let new = members.iter().filter(|_| split_from.is_none());
            formed
                .chain(new.map(|identity| (Subject::IDENTITY_CAMPAIGN_ASSIGNED, assigned(identity, *owner, None))))
                .collect()
        }
        Change::Link { owner, member, prior } => vec![
            (Subject::CAMPAIGN_IDENTITY_ASSIGNED, assigned(member, *owner, *prior)),
            (Subject::IDENTITY_CAMPAIGN_ASSIGNED, assigned(member, *owner, *prior)),
        ],
        Change::Merge { winner, loser } => vec![(
            Subject::CAMPAIGN_MERGED,
            json!({"winner_uuid": winner, "loser_uuid": loser}),
        )],
        Change::Unmerge { owner, from } => vec![(Subject::CAMPAIGN_UNMERGED, unmerged(*owner, *from))],
        Change::Doubt { .. } => Vec::new(),
    }
}

fn unmerged(owner: Uuid, from: Uuid) -> Value {
    json!({
        "resurrected_uuid": owner,
        "former_winner_uuid": from,
        "reason": "no evidence joins them any more",
    })
}

//! How the deckies are, as the rows and the engine see them (deploy.md §8.6).

use model::Name;
use model::fleet::DeckyState;
use serde::Serialize;

use super::Engine;
use crate::containers::Container;
use crate::error::Error;
use store::DeckyRow;

/// One decky: what it should be and what is there.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    pub name: Name,
    /// None for a container nobody has a row of.
    pub row: Option<DeckyRow>,
    /// `running`, `exited` ..., or `absent`.
    pub container: String,
    pub health: Health,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    Up,
    /// Some of its ports are closed, or its container is not what the row says.
    Degraded,
    Down,
    /// Carries our labels, and is no decky we know.
    Orphan,
}

// === impl Engine ===

impl Engine {
    /// All deckies known or found, by name.
    pub async fn status(&self) -> Result<Vec<Status>, Error> {
        let (rows, containers) = (self.rows().await?, self.containers.list().await?);
        let mut all: Vec<Status> = rows
            .into_iter()
            .map(|row| {
                let container = containers.iter().find(|c| c.decky == *row.name() && !c.is_next);
                Status {
                    name: row.name().clone(),
                    container: container.map_or_else(|| "absent".to_owned(), |c| c.state.clone()),
                    health: health(&row, container),
                    row: Some(row),
                }
            })
            .collect();
        let is_known = |name: &Name| all.iter().any(|status| status.name == *name);
        let orphans: Vec<Status> = containers
            .iter()
            .filter(|container| !is_known(&container.decky))
            .map(|container| Status {
                name: container.decky.clone(),
                row: None,
                container: container.state.clone(),
                health: Health::Orphan,
            })
            .collect();
        all.extend(orphans);
        all.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(all)
    }
}

fn health(row: &DeckyRow, container: Option<&Container>) -> Health {
    match container {
        Some(container) if container.is_running => {
            let is_current = row.spec.container_hash() == container.container_hash;
            match row.state {
                DeckyState::Running if is_current => Health::Up,
                DeckyState::Failed => Health::Down,
                _ => Health::Degraded,
            }
        }
        _ => Health::Down,
    }
}

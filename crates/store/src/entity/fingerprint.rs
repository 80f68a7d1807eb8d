use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "fingerprints")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false, column_type = "Blob")]
    pub key: Vec<u8>,
    pub attacker_ip: String,
    pub kind: String,
    #[sea_orm(column_type = "Text")]
    pub value: String,
    #[sea_orm(column_type = "Text", nullable)]
    pub detail: Option<String>,
    pub weight: i64,
    /// Events of the wire that told of it, and deckies' own.
    pub count: i64,
    pub by_deckies: i64,
    pub first_seen: i64,
    pub last_seen: i64,
}

impl ActiveModelBehavior for ActiveModel {}

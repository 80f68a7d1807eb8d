use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "deckies")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub host_uuid: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub name: String,
    /// `model::fleet::DeckySpec` as JSON.
    #[sea_orm(column_type = "Text")]
    pub spec: String,
    pub state: String,
    #[sea_orm(column_type = "Text", nullable)]
    pub last_error: Option<String>,
    pub spec_hash: Option<String>,
    pub last_seen: Option<i64>,
    pub updated_at: i64,
}

impl ActiveModelBehavior for ActiveModel {}

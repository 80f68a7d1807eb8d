use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sightings")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub sha256: String,
    pub at: i64,
    pub decky: String,
    pub service: String,
    pub attacker_ip: Option<String>,
    pub session: Option<String>,
    #[sea_orm(column_type = "Text")]
    pub path: String,
    pub way: String,
    #[sea_orm(column_type = "Text", nullable)]
    pub username: Option<String>,
}

impl ActiveModelBehavior for ActiveModel {}

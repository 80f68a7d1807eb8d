use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "attacker_targets")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub attacker_ip: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub decky: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub service: String,
    pub first_seen: i64,
    pub last_seen: i64,
    pub events: i64,
}

impl ActiveModelBehavior for ActiveModel {}

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "probe_history")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub attacker_ip: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub port: i32,
    #[sea_orm(primary_key, auto_increment = false)]
    pub probe: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub n: i64,
    pub hash: String,
    pub first_seen: i64,
    pub last_seen: i64,
}

impl ActiveModelBehavior for ActiveModel {}

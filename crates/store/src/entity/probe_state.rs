use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "probe_states")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub attacker_ip: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub port: i32,
    #[sea_orm(primary_key, auto_increment = false)]
    pub probe: String,
    pub hash: String,
    pub first_seen: i64,
    pub last_seen: i64,
    pub rotations: i64,
    pub load_balanced: bool,
    #[sea_orm(column_type = "Text")]
    pub detail: String,
}

impl ActiveModelBehavior for ActiveModel {}

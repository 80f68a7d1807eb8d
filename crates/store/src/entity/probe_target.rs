use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "probe_targets")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub attacker_ip: String,
    pub last_at: Option<i64>,
    pub due_at: i64,
}

impl ActiveModelBehavior for ActiveModel {}

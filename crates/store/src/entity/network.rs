use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "attacker_networks")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub attacker_ip: String,
    pub flows: i64,
    pub retransmits: i64,
    pub rtt_us: Option<i64>,
    pub uptime_s: Option<i64>,
    pub uptime_at: Option<i64>,
    #[sea_orm(column_type = "Text", nullable)]
    pub tcp_syn: Option<String>,
}

impl ActiveModelBehavior for ActiveModel {}

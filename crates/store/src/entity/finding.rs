use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "findings")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub rule: String,
    pub class: String,
    pub severity: String,
    pub confidence: i32,
    pub source: String,
    pub attacker_ip: Option<String>,
    pub stage: Option<String>,
    #[sea_orm(column_type = "Text")]
    pub mitre: String,
    #[sea_orm(column_type = "Text")]
    pub reason: String,
    pub first_at: i64,
    pub last_at: i64,
    pub acknowledged_at: Option<i64>,
    #[sea_orm(column_type = "Text")]
    pub detail: String,
    pub answered: Option<String>,
}

impl ActiveModelBehavior for ActiveModel {}

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "attributions")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub identity: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub primitive: String,
    pub schema_version: i32,
    pub state: String,
    #[sea_orm(column_type = "Text")]
    pub current_value: String,
    pub confidence: f64,
    pub observations: i64,
    pub last_change: i64,
    pub last_observation: i64,
}

impl ActiveModelBehavior for ActiveModel {}

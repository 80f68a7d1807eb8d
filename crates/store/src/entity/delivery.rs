use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "deliveries")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub finding: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub to: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub severity: String,
    pub state: String,
    pub tries: i32,
    pub due_at: i64,
    pub error: Option<String>,
}

impl ActiveModelBehavior for ActiveModel {}

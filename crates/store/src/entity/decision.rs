use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "decisions")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub at: i64,
    pub scope: String,
    pub value: String,
    pub action: String,
    #[sea_orm(column_type = "Text")]
    pub reason: String,
    pub rule: Option<String>,
    pub finding: Option<String>,
    pub until: Option<i64>,
    pub by: String,
    pub simulated: bool,
    pub released_at: Option<i64>,
}

impl ActiveModelBehavior for ActiveModel {}

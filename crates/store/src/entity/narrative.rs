use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "narratives")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub finding: String,
    pub digest: String,
    pub status: String,
    pub model: String,
    #[sea_orm(column_type = "Text")]
    pub hypothesis: String,
    #[sea_orm(column_type = "Text")]
    pub report: String,
    pub cached: bool,
    pub at: i64,
}

impl ActiveModelBehavior for ActiveModel {}

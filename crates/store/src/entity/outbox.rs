use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "outbox")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub n: i64,
    pub id: Uuid,
    pub worker: String,
    pub subject: String,
    #[sea_orm(column_type = "Text")]
    pub payload: String,
    pub at: i64,
}

impl ActiveModelBehavior for ActiveModel {}

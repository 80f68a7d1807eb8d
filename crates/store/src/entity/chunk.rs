use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "chunks")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub sid: String,
    pub decky: String,
    pub n: i64,
    pub t_us: i64,
    pub ch: String,
    #[sea_orm(column_type = "Blob")]
    pub data: Vec<u8>,
    pub hidden: bool,
}

impl ActiveModelBehavior for ActiveModel {}

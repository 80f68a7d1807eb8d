use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "events")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub n: i64,
    #[sea_orm(unique)]
    pub id: Uuid,
    pub at: i64,
    pub host: String,
    pub decky: String,
    pub boot: String,
    pub seq: i64,
    pub service: String,
    pub kind: String,
    pub src_ip: Option<String>,
    pub src_port: Option<i32>,
    pub dst_ip: Option<String>,
    pub dst_port: Option<i32>,
    pub session: Option<String>,
    pub origin: String,
    #[sea_orm(column_type = "Text")]
    pub fields: String,
}

impl ActiveModelBehavior for ActiveModel {}

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "fingerprint_places")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false, column_type = "Blob")]
    pub key: Vec<u8>,
    #[sea_orm(primary_key, auto_increment = false)]
    pub decky: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub port: i32,
    pub count: i64,
    pub first_seen: i64,
    pub last_seen: i64,
}

impl ActiveModelBehavior for ActiveModel {}

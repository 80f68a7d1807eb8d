use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "credentials")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub key: Vec<u8>,
    pub reuse_key: Option<Vec<u8>>,
    pub attacker_ip: String,
    pub decky: String,
    pub service: String,
    #[sea_orm(column_type = "Text", nullable)]
    pub principal: Option<String>,
    pub secret_kind: String,
    pub secret_sha256: String,
    #[sea_orm(column_type = "Blob")]
    pub secret: Vec<u8>,
    #[sea_orm(column_type = "Text")]
    pub secret_printable: String,
    #[sea_orm(column_type = "Text")]
    pub fields: String,
    pub first_seen: i64,
    pub last_seen: i64,
    pub attempts: i64,
    pub successes: i64,
    pub failures: i64,
}

impl ActiveModelBehavior for ActiveModel {}

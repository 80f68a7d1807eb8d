use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "attackers")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub ip: String,
    #[sea_orm(column_type = "Blob")]
    pub addr: Vec<u8>,
    pub first_seen: i64,
    pub last_seen: i64,
    pub events: i64,
    pub sessions: i64,
    pub commands: i64,
    pub logins: i64,
    pub credentials: i64,
    pub files: i64,
    pub handshakes: i64,
    pub rotation_count: i64,
    pub last_rotation_at: Option<i64>,
    pub identity: Option<Uuid>,
}

impl ActiveModelBehavior for ActiveModel {}

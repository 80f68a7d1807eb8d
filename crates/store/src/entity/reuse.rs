use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "reuses")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub reuse_key: Vec<u8>,
    pub targets: i64,
    pub attackers: i64,
    pub deckies: i64,
    pub services: i64,
    pub updated_at: i64,
}

impl ActiveModelBehavior for ActiveModel {}

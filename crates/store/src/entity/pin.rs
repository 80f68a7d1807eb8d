use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "pins")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub level: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub a: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub b: String,
    pub same: bool,
    pub at: i64,
}

impl ActiveModelBehavior for ActiveModel {}

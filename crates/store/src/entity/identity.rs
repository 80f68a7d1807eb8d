use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "identities")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub schema_version: i32,
    pub merged_into: Option<Uuid>,
    pub canonical: Uuid,
    pub doubts: i32,
    pub generation: i64,
    pub first_seen: Option<i64>,
    pub last_seen: Option<i64>,
    pub created_at: i64,
    pub updated_at: i64,
    pub confidence: Option<f64>,
    pub members: i64,
    #[sea_orm(column_type = "Text", nullable)]
    pub notes: Option<String>,
    #[sea_orm(column_type = "Text", nullable)]
    pub ja3_hashes: Option<String>,
    #[sea_orm(column_type = "Text", nullable)]
    pub ja4_hashes: Option<String>,
    #[sea_orm(column_type = "Text", nullable)]
    pub ja4h_hashes: Option<String>,
    #[sea_orm(column_type = "Text", nullable)]
    pub ja4_quic_hashes: Option<String>,
    #[sea_orm(column_type = "Text", nullable)]
    pub hassh_hashes: Option<String>,
    #[sea_orm(column_type = "Text", nullable)]
    pub tls_cert_sha256: Option<String>,
    #[sea_orm(column_type = "Text", nullable)]
    pub ssh_pubkeys: Option<String>,
    #[sea_orm(column_type = "Text", nullable)]
    pub payload_hashes: Option<String>,
    #[sea_orm(column_type = "Text", nullable)]
    pub c2_endpoints: Option<String>,
    pub campaign: Option<Uuid>,
}

impl ActiveModelBehavior for ActiveModel {}

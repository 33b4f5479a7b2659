//! What credential goes on, as written.

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Exchange {
    pub(in crate::config) id_jag: Option<IdJag>,
    pub(in crate::config) pass_through: Option<PassThrough>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct IdJag {
    pub(in crate::config) idp: Option<String>,
    pub(in crate::config) resource_server: Option<String>,
    pub(in crate::config) resource: Option<String>,
    pub(in crate::config) subject_token_type: Option<String>,
    pub(in crate::config) issued_token: Option<String>,
    pub(in crate::config) max_lifetime: Option<String>,
    pub(in crate::config) lineage: Option<Lineage>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Lineage {
    pub(in crate::config) id_jag: Option<LineageOf>,
    pub(in crate::config) access_token: Option<LineageOf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct LineageOf {
    pub(in crate::config) same_subject: Option<Vec<SameSubject>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct SameSubject {
    pub(in crate::config) inbound: Option<String>,
    pub(in crate::config) issued: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct PassThrough {
    pub(in crate::config) audience: Option<String>,
}

//! The upstream's answer to a forwarded request.
//!
//! A 401 for a token that the gateway exchanged is not the caller's to solve: the token is dropped,
//! the upstream's challenge stays here, and the caller gets an error that says to try again.
//! A 403 is the upstream's policy and drops nothing.

use crate::plugin::Plugin;
use crate::rejection::Rejection;
use crate::step::{Reply, ResponsePlan};

impl ResponsePlan {
    /// Takes the upstream's status; a reply replaces the answer, `None` lets it pass.
    pub fn handle_response_status(&self, plugin: &mut Plugin, status: Option<u16>) -> Option<Reply> {
        let key = self.exchanged?;
        if status != Some(401) {
            return None;
        }
        plugin.issued.drop_key(key);
        Some(self.refusal.clone().reply(Rejection::UpstreamRefusedToken))
    }

    /// Headers of the upstream that are not for the caller: challenges concern a token it never sees.
    pub fn response_headers_to_remove(&self) -> &'static [&'static str] {
        match self.exchanged {
            Some(_) => &["www-authenticate", "proxy-authenticate"],
            None => &[],
        }
    }
}

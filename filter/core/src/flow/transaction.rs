//! The last wait of a request whose resource sends transaction tokens: one is asked for it alone, when all else is decided.

use std::sync::Arc;

use crate::config::Acquisition;
use crate::exchange::cache::IssuedToken;
use crate::exchange::request::{ExchangeKey, ExchangeRequest};
use crate::flight::Landing;
use crate::flow::Joined;
use crate::flow::authorization::Admitted;
use crate::flow::release::Released;
use crate::flow::standing::still_holds;
use crate::plugin::Plugin;
use crate::rejection::Rejection;
use crate::request::Ambient;
use crate::step::{RefusalContext, Step};

/// Uses beyond the request that it is for: a transaction token tells of one transaction.
const REUSE_MAX: Option<u32> = Some(0);

/// Waits for the transaction token.
#[derive(Debug)]
pub struct AwaitTransaction {
    released: Released,
    key: ExchangeKey,
}

impl Released {
    pub(super) fn begin_transaction(
        self,
        plugin: &mut Plugin,
        ambient: &Ambient<'_>,
        transaction: &Arc<Acquisition>,
    ) -> Step {
        let (arrived, scopes) = (&self.admitted.arrived, &self.operation.scopes);
        let generation = plugin.config().digest;
        let (token, txn) = (arrived.shown.token(), &arrived.context.txn);
        let request = ExchangeRequest::new(&self.admitted.delegation, token, transaction, scopes, &generation, txn);
        let joined = request.and_then(|request| {
            let key = request.key();
            Ok((key, plugin.join_exchange(request, REUSE_MAX, arrived.stream, ambient.now)?))
        });
        match joined {
            Ok((key, flight)) => {
                let waiting = AwaitTransaction { released: self, key };
                Step::Join { flight, then: Joined::Transaction(Box::new(waiting)) }
            }
            Err(rejection) => self.admitted.arrived.context.refuse(rejection),
        }
    }
}

impl AwaitTransaction {
    pub(super) fn handle_token(self, plugin: &mut Plugin, ambient: &mut Ambient<'_>, landing: &Landing) -> Step {
        let issued: Arc<IssuedToken> = match landing {
            Landing::Token(Ok(issued)) => Arc::clone(issued),
            Landing::Token(Err(rejection)) => return self.released.admitted.arrived.context.refuse(*rejection),
            Landing::Keys | Landing::Introspection(_) => {
                let wrong = Rejection::Internal("keys landed where a transaction token was awaited");
                return self.released.admitted.arrived.context.refuse(wrong);
            }
        };
        // The wait may have been long, for the other token too.
        let holds = still_holds(&self.released.admitted, plugin, ambient, &issued)
            .and_then(|()| self.released.still_current(ambient.now));
        match holds {
            Ok(()) => self.released.let_go(plugin, ambient, Some((self.key, issued))),
            Err(rejection) => self.released.admitted.arrived.context.refuse(rejection),
        }
    }

    pub(super) const fn admitted(&self) -> &Admitted {
        &self.released.admitted
    }

    pub(super) fn refusal(self) -> RefusalContext {
        self.released.admitted.arrived.context
    }
}

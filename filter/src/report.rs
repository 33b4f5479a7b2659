//! What the operator sees: log lines, counters and filter state. All of it comes from records, which hold no secret.

use actgate_core::config::Recorded;
use actgate_core::record::{Event, Record};

use crate::host::{self, Level};
use crate::worker::Worker;

/// What the line of a decision begins with.
const DECISION: &str = "actgate decision ";

/// One decision: a counter, and as far as the configuration wants them a log line, and filter state for access logs and later filters.
pub(crate) fn decision(worker: &Worker, record: &Record) {
    let written = match worker.with_plugin(|plugin| plugin.config()) {
        Some(config) => record.written(DECISION, &config.recorded),
        None => record.written(DECISION, &Recorded::default()),
    };
    if let Some(line) = &written.line {
        host::log(Level::Info, line);
    }
    for (name, value) in written.state {
        // Filter state is a courtesy: a host without it changes no decision.
        let _ = host::set_property(name, &value);
    }
    if let Ok(mut metrics) = worker.metrics.try_borrow_mut() {
        metrics.count(&["decision", "resource", record.resource().unwrap_or("none"), "code", record.code()]);
        for code in record.observations() {
            metrics.count(&["observed", "resource", record.resource().unwrap_or("none"), "code", code]);
        }
    }
}

/// One event at the root.
pub(crate) fn event(worker: &Worker, event: &Event) {
    if let Event::Shared { what, outcome, count } = event {
        if let Ok(mut metrics) = worker.metrics.try_borrow_mut() {
            metrics.count_by(&["shared", what, outcome.word()], *count);
        }
        return;
    }
    let level = if event.is_warning() { Level::Warn } else { Level::Info };
    host::log(level, &format!("actgate event {}", event.to_json()));
    if let Ok(mut metrics) = worker.metrics.try_borrow_mut() {
        match event {
            Event::KeysFetched { server, .. } => metrics.count(&["keys", "server", server, "code", "fetched"]),
            Event::KeysNotFetched { server, .. } => metrics.count(&["keys", "server", server, "code", "not_fetched"]),
            Event::MetadataFetched { server, .. } => metrics.count(&["metadata", "server", server, "code", "fetched"]),
            Event::MetadataNotFetched { server, .. } => {
                metrics.count(&["metadata", "server", server, "code", "not_fetched"]);
            }
            Event::Introspected { server, code } => {
                metrics.count(&["introspection", "server", server, "code", code]);
            }
            Event::Observed { resource, codes, .. } => {
                for code in codes {
                    metrics.count(&["observed", "resource", resource, "code", code]);
                }
            }
            Event::Withheld { resource, count, .. } => {
                metrics.count_by(&["withheld", "resource", resource], *count);
            }
            Event::Echoed { resource, place, .. } => metrics.count(&["echoed", "resource", resource, "in", place]),
            Event::Granted(_) => metrics.count(&["exchange", "code", "granted"]),
            Event::NotGranted { rejection, .. } => metrics.count(&["exchange", "code", rejection.code()]),
            Event::Shared { .. } => {}
            Event::StreamEnded { reason, .. } => metrics.count(&["streams", "ended", reason.word()]),
        }
    }
}

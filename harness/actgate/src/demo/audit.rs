//! The gateway's records, read from Envoy's log.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::envoy::RunningEnvoy;

/// How long a line may take to reach the log.
const LINE_WITHIN: Duration = Duration::from_secs(3);
const POLL: Duration = Duration::from_millis(20);

const DECISION: &str = "actgate decision ";
const EVENT: &str = "actgate event ";

/// The decision on this transaction.
pub(super) async fn decision(envoy: &RunningEnvoy, txn: &str) -> Option<Value> {
    line(envoy, DECISION, |record| record["txn"] == txn).await
}

/// The grant, or the refusal of one, within this transaction.
pub(super) async fn grant(envoy: &RunningEnvoy, txn: &str) -> Option<Value> {
    line(envoy, EVENT, |record| record["txn"] == txn).await
}

async fn line(envoy: &RunningEnvoy, mark: &str, is: impl Fn(&Value) -> bool) -> Option<Value> {
    let deadline = Instant::now() + LINE_WITHIN;
    loop {
        let logs = envoy.logs();
        let records = logs.lines().filter_map(|line| line.split_once(mark));
        let mut records = records.filter_map(|(_, record)| serde_json::from_str::<Value>(record).ok());
        if let Some(record) = records.find(&is) {
            return Some(record);
        }
        if Instant::now() > deadline {
            return None;
        }
        tokio::time::sleep(POLL).await;
    }
}

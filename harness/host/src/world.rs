//! Everything the host holds outside its VMs. It moves into a VM's store for the length of a call,
//! so that the imports reach it, and back out.

use std::collections::BTreeMap;

use crate::callout::Callouts;
use crate::clock::Clock;
use crate::cluster::Cluster;
use crate::log::{Level, LogLine};
use crate::metrics::Metrics;
use crate::plugin::Plugin;
use crate::profile::{self, Profile};
use crate::random::Random;
use crate::request::RequestId;
use crate::shared_data::SharedData;
use crate::shared_queue::SharedQueues;
use crate::stream::Stream;

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) profile: Profile,
    pub(crate) plugins: Vec<Plugin>,
    pub(crate) clusters: BTreeMap<String, Cluster>,
    pub(crate) buffer_limit: usize,
    pub(crate) clock: Clock,
    pub(crate) random: Random,
    pub(crate) log_level: Level,
    pub(crate) logs: Vec<LogLine>,
    pub(crate) shared_data: SharedData,
    pub(crate) queues: SharedQueues,
    pub(crate) metrics: Metrics,
    pub(crate) callouts: Callouts,
    pub(crate) streams: BTreeMap<RequestId, Stream>,
    pub(crate) last_stream: u32,
    pub(crate) last_timer: u64,
}

impl Default for World {
    fn default() -> Self {
        Self {
            profile: profile::V1_40,
            plugins: Vec::new(),
            clusters: BTreeMap::new(),
            buffer_limit: profile::V1_40.buffer_limit,
            clock: Clock::default(),
            random: Random::default(),
            log_level: Level::Trace,
            logs: Vec::new(),
            shared_data: SharedData::default(),
            queues: SharedQueues::default(),
            metrics: Metrics::default(),
            callouts: Callouts::default(),
            streams: BTreeMap::new(),
            last_stream: 0,
            last_timer: 0,
        }
    }
}

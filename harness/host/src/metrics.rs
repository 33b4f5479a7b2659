//! Metrics: host-wide values by name, and per-VM ids that point at them.
//!
//! Every definition gives a new id, even for a name that exists. Values survive the VM.

use std::collections::BTreeMap;

use crate::abi::Status;

/// A metric's value as the host holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Metric {
    /// Only grows.
    Counter(u64),
    /// Last written, or moved by offsets.
    Gauge(u64),
    /// Every value recorded, in order.
    Histogram(Vec<u64>),
}

impl Metric {
    /// A counter's or gauge's value; how many values a histogram has recorded.
    #[must_use]
    pub fn value(&self) -> u64 {
        match self {
            Self::Counter(value) | Self::Gauge(value) => *value,
            Self::Histogram(values) => values.len() as u64,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Counter = 0,
    Gauge = 1,
    Histogram = 2,
}

const KIND_MASK: u32 = 3;
const ID_STEP: u32 = 4;

/// Ids handed to one VM.
#[derive(Debug)]
pub(crate) struct MetricIds {
    names: BTreeMap<u32, (Kind, String)>,
    next: [u32; 3],
}

impl Default for MetricIds {
    fn default() -> Self {
        Self { names: BTreeMap::new(), next: [0, 1, 2] }
    }
}

impl MetricIds {
    fn find(&self, id: u32) -> Result<&(Kind, String), Status> {
        self.names.get(&id).ok_or(Status::NotFound)
    }
}

/// The host's stats store, as far as filters write to it.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    values: BTreeMap<(Kind, String), Metric>,
}

impl Metrics {
    pub(crate) fn define(&mut self, ids: &mut MetricIds, kind: u32, name: &[u8]) -> Result<u32, Status> {
        let (kind, zero) = match kind {
            0 => (Kind::Counter, Metric::Counter(0)),
            1 => (Kind::Gauge, Metric::Gauge(0)),
            2 => (Kind::Histogram, Metric::Histogram(Vec::new())),
            _ => return Err(Status::BadArgument),
        };
        let key = (kind, String::from_utf8_lossy(name).into_owned());
        let next = &mut ids.next[kind as usize];
        *next += ID_STEP;
        ids.names.insert(*next, key.clone());
        self.values.entry(key).or_insert(zero);
        Ok(*next)
    }

    pub(crate) fn increment(&mut self, ids: &MetricIds, id: u32, offset: i64) -> Status {
        if id & KIND_MASK > Kind::Gauge as u32 {
            return Status::BadArgument;
        }
        match ids.find(id).ok().and_then(|key| self.values.get_mut(key)) {
            Some(Metric::Counter(value)) if offset > 0 => *value = value.wrapping_add(offset.unsigned_abs()),
            Some(Metric::Counter(_)) => return Status::BadArgument,
            Some(Metric::Gauge(value)) => *value = value.wrapping_add_signed(offset),
            Some(Metric::Histogram(_)) | None => return Status::NotFound,
        }
        Status::Ok
    }

    /// Adds to a counter, sets a gauge, appends to a histogram.
    pub(crate) fn record(&mut self, ids: &MetricIds, id: u32, value: u64) -> Status {
        match ids.find(id).ok().and_then(|key| self.values.get_mut(key)) {
            Some(Metric::Counter(sum)) => *sum = sum.wrapping_add(value),
            Some(Metric::Gauge(last)) => *last = value,
            Some(Metric::Histogram(values)) => values.push(value),
            None => return Status::NotFound,
        }
        Status::Ok
    }

    pub(crate) fn get(&self, ids: &MetricIds, id: u32) -> Result<u64, Status> {
        if id & KIND_MASK > Kind::Gauge as u32 {
            return Err(Status::BadArgument);
        }
        self.values.get(ids.find(id)?).map(Metric::value).ok_or(Status::NotFound)
    }

    pub(crate) fn by_name(&self, name: &str) -> Option<&Metric> {
        self.iter().find(|(n, _)| *n == name).map(|(_, metric)| metric)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Metric)> {
        self.values.iter().map(|((_, name), metric)| (name.as_str(), metric))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_definition_is_a_new_id_of_the_same_value() {
        let (mut metrics, mut ids) = (Metrics::default(), MetricIds::default());
        let first = metrics.define(&mut ids, 0, b"hits").unwrap();
        let second = metrics.define(&mut ids, 0, b"hits").unwrap();
        assert_eq!((first, second), (4, 8));
        assert_eq!(metrics.increment(&ids, first, 2), Status::Ok);
        assert_eq!(metrics.record(&ids, second, 3), Status::Ok);
        assert_eq!(metrics.get(&ids, first), Ok(5));
    }

    #[test]
    fn a_counter_never_goes_down_and_a_histogram_cannot_be_read() {
        let (mut metrics, mut ids) = (Metrics::default(), MetricIds::default());
        let counter = metrics.define(&mut ids, 0, b"c").unwrap();
        let histogram = metrics.define(&mut ids, 2, b"h").unwrap();
        assert_eq!(metrics.increment(&ids, counter, 0), Status::BadArgument);
        assert_eq!(metrics.increment(&ids, counter, -1), Status::BadArgument);
        assert_eq!(metrics.increment(&ids, histogram, 1), Status::BadArgument);
        assert_eq!(metrics.get(&ids, histogram), Err(Status::BadArgument));
        assert_eq!(metrics.record(&ids, 4000, 1), Status::NotFound);
        assert_eq!(metrics.define(&mut ids, 3, b"x"), Err(Status::BadArgument));
    }
}

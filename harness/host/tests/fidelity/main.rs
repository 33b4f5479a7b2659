//! What a filter can tell about its host, point by point, against what Envoy does.

mod bodies;
mod callouts;
mod chain;
mod failures;
mod foreign;
mod headers;
mod instances;
mod limits;
mod local_replies;
mod properties;
mod pushes;
mod stats;
mod streams;
mod support;

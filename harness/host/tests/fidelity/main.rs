//! What a filter can tell about its host, point by point, against what Envoy does.

mod streams;
mod support;

//! Latency, memory, and the highest rate.

use crate::Options;

pub(crate) async fn run(_options: &Options) {}

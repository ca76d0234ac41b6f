//! The numbers of `/metrics`, in Prometheus' text form.

use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

pub(crate) struct Metrics {
    registry: Registry,
    pub(crate) windows: Gauge,
    pub(crate) rooms: Gauge,
    /// Messages of windows.
    pub(crate) received: Counter,
    /// Messages to windows.
    pub(crate) sent: Counter,
    pub(crate) refused: Counter,
    /// Windows that were too slow.
    pub(crate) dropped: Counter,
    /// Messages that wait for Redis.
    pub(crate) waiting: Gauge,
    redis: Histogram,
    pub(crate) reconnects: Counter,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        // 0.25 ms to 4 s.
        let redis = Histogram::new(exponential_buckets(0.000_25, 2.0, 15));
        let mut metrics = Self {
            registry: Registry::with_prefix("chat"),
            windows: Gauge::default(),
            rooms: Gauge::default(),
            received: Counter::default(),
            sent: Counter::default(),
            refused: Counter::default(),
            dropped: Counter::default(),
            waiting: Gauge::default(),
            redis,
            reconnects: Counter::default(),
        };
        let registry = &mut metrics.registry;
        registry.register("windows", "Open windows", metrics.windows.clone());
        registry.register("rooms", "Rooms with windows on this server", metrics.rooms.clone());
        registry.register("messages_received", "Messages of windows", metrics.received.clone());
        registry.register("messages_sent", "Messages to windows", metrics.sent.clone());
        registry.register("messages_refused", "Messages that nobody got", metrics.refused.clone());
        registry.register("windows_dropped", "Windows that were too slow", metrics.dropped.clone());
        registry.register("messages_waiting", "Messages that wait for Redis", metrics.waiting.clone());
        registry.register_with_unit(
            "redis_latency",
            "Time until Redis answered",
            Unit::Seconds,
            metrics.redis.clone(),
        );
        registry.register("redis_reconnects", "Lost connections to Redis", metrics.reconnects.clone());
        metrics
    }

    pub(crate) fn note_redis(&self, time: Duration) {
        self.redis.observe(time.as_secs_f64());
    }

    pub(crate) fn to_text(&self) -> String {
        let mut text = String::new();
        encode(&mut text, &self.registry).ok();
        text
    }
}

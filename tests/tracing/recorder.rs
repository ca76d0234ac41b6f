//! A subscriber that records all that it is told.

use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex};

use sansocket::tracing::TARGET;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Clones record to the same log.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recorder(Arc<Log>);

#[derive(Debug, Default)]
struct Log {
    /// Spans by id, from 1: name and fields, and the id of the span around.
    spans: Mutex<Vec<(String, Option<u64>)>>,
    /// Level, name and fields of each event, and the id of the span that it is in.
    events: Mutex<Vec<(String, Option<u64>)>>,
    /// The spans that are entered. Each test enters spans in one thread only, or in none at the same time.
    entered: Mutex<Vec<u64>>,
}

impl Recorder {
    /// Runs this with the recorder as the subscriber of the thread.
    pub(crate) fn record<T>(&self, run: impl FnOnce() -> T) -> T {
        tracing::subscriber::with_default(self.clone(), run)
    }

    /// The events, without ports and numbers of the operating system.
    pub(crate) fn events(&self) -> Vec<String> {
        self.0.events.lock().unwrap().iter().map(|(event, _)| plain(event)).collect()
    }

    /// The spans, as the events.
    pub(crate) fn spans(&self) -> Vec<String> {
        self.0.spans.lock().unwrap().iter().map(|(span, _)| plain(span)).collect()
    }

    /// For each event, its name and the names of the spans it is in, from the innermost.
    pub(crate) fn nesting(&self) -> Vec<Vec<String>> {
        let spans = self.0.spans.lock().unwrap();
        let of_event = |(event, span): &(String, Option<u64>)| {
            let mut names = vec![event.clone()];
            let mut next = *span;
            while let Some(id) = next {
                let (span, parent) = spans.get(usize::try_from(id).unwrap() - 1).unwrap();
                names.push(span.split(' ').next().unwrap().to_owned());
                next = *parent;
            }
            names
        };
        self.0.events.lock().unwrap().iter().map(of_event).collect()
    }

    /// How many spans are entered.
    pub(crate) fn depth(&self) -> usize {
        self.0.entered.lock().unwrap().len()
    }

    /// Everything, as it was told.
    pub(crate) fn text(&self) -> String {
        format!("{:?}", self.0)
    }

    fn current(&self) -> Option<u64> {
        self.0.entered.lock().unwrap().last().copied()
    }
}

/// Replaces ports, the pause and numbers of the operating system.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    for word in text.split(' ') {
        let word = match word.rsplit_once(':') {
            Some((address, port)) if port.parse::<u16>().is_ok() => format!("{address}:PORT"),
            _ if word.starts_with("pause_ms=") => "pause_ms=N".to_owned(),
            _ => word.to_owned(),
        };
        let space = if plain.is_empty() { "" } else { " " };
        write!(plain, "{space}{word}").unwrap();
    }
    match plain.split_once(" (os error ") {
        Some((error, _)) => error.to_owned(),
        None => plain,
    }
}

/// Appends fields as ` name=value`.
struct Fields<'a>(&'a mut String);

impl Visit for Fields<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        write!(self.0, " {field}={value}").unwrap();
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let value = format!("{value:?}");
        // Each event of the crate has its name as its message.
        if field.name() != "message" || !self.0.ends_with(&value) {
            write!(self.0, " {field}={value}").unwrap();
        }
    }
}

impl Subscriber for Recorder {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == TARGET || metadata.target().starts_with(env!("CARGO_CRATE_NAME"))
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let parent = if span.is_contextual() { self.current() } else { span.parent().map(Id::into_u64) };
        let mut text = span.metadata().name().to_owned();
        span.record(&mut Fields(&mut text));
        let mut spans = self.0.spans.lock().unwrap();
        spans.push((text, parent));
        Id::from_u64(spans.len() as u64)
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        let at = usize::try_from(span.into_u64()).unwrap() - 1;
        values.record(&mut Fields(&mut self.0.spans.lock().unwrap().get_mut(at).unwrap().0));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        assert!(event.is_contextual());
        let mut text = format!("{} {}", event.metadata().level(), event.metadata().name());
        event.record(&mut Fields(&mut text));
        self.0.events.lock().unwrap().push((text, self.current()));
    }

    fn enter(&self, span: &Id) {
        self.0.entered.lock().unwrap().push(span.into_u64());
    }

    fn exit(&self, span: &Id) {
        assert_eq!(self.0.entered.lock().unwrap().pop(), Some(span.into_u64()));
    }
}

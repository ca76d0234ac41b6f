//! One setting: a server that sends, and a client that receives.

use std::hint::black_box;
use std::thread;
use std::time::Instant;

use sansocket::{Connection, Deflate, Event, Outgoing, Storage};

use crate::agreed::connections;
use crate::counting::bytes_in_use;

/// How many streams of each direction the connections of a process share (`docs/compression.md`).
const SHARED: usize = 32;

/// Two ends of a connection, and how long each round took.
pub(crate) struct Trial {
    server: Connection,
    client: Connection,
    ratio: f64,
    /// Nanoseconds a message.
    compress: Vec<f64>,
    inflate: Vec<f64>,
}

pub(crate) struct Figures {
    pub(crate) ratio: f64,
    pub(crate) compress: f64,
    pub(crate) inflate: f64,
}

impl Trial {
    /// A first round, which is not timed.
    pub(crate) fn new(deflate: &Deflate, messages: &[String]) -> Self {
        let (client, server) = connections(deflate);
        let mut trial = Self { server, client, ratio: 0.0, compress: Vec::new(), inflate: Vec::new() };
        let sent = trial.compress(messages);
        let len: usize = messages.iter().map(String::len).sum();
        trial.ratio = sent.len() as f64 / len as f64;
        let mut expected = messages.iter();
        receive(&mut trial.client, &sent, |text| assert_eq!(Some(text), expected.next().map(|text| &**text)));
        assert!(expected.next().is_none(), "a message has not arrived");
        trial
    }

    pub(crate) fn run(&mut self, messages: &[String]) {
        let each = |start: Instant| start.elapsed().as_nanos() as f64 / messages.len() as f64;
        let start = Instant::now();
        let sent = self.compress(messages);
        self.compress.push(each(start));
        let start = Instant::now();
        receive(&mut self.client, &sent, |text| _ = black_box(text));
        self.inflate.push(each(start));
    }

    pub(crate) fn figures(&self) -> Figures {
        let low = |times: &[f64]| {
            let mut times = times.to_vec();
            times.sort_by(f64::total_cmp);
            times.get(times.len() / 10).copied().unwrap_or(f64::NAN)
        };
        Figures { ratio: self.ratio, compress: low(&self.compress), inflate: low(&self.inflate) }
    }

    fn compress(&mut self, messages: &[String]) -> Vec<u8> {
        let mut sent = Vec::new();
        messages.iter().for_each(|message| send(&mut self.server, &message[..], &mut sent));
        sent
    }
}

/// What is held between messages, in bytes: with takeover by each connection, else by the process, once for every message that
/// is under way at the same time.
pub(crate) struct Memory {
    pub(crate) compressor: usize,
    pub(crate) inflater: usize,
}

impl Memory {
    /// Counts in a new thread, which has hardly any memory for compressed bytes yet.
    pub(crate) fn of(deflate: &Deflate, messages: &[String]) -> Self {
        let count = || {
            // Connections in the middle of a message hold all streams that the process shares, so those that are counted are new.
            let _in_messages: Vec<_> = (0..SHARED).map(|_| in_message(deflate)).collect();
            let (mut client, mut server) = connections(deflate);
            let mut sent = Vec::with_capacity(messages.iter().map(|message| 2 * message.len() + 100).sum());
            // Memory that is not of compression.
            let mut storage = Storage::new();
            let ((), _, compressor) = bytes_in_use(|| {
                messages.iter().for_each(|message| send(&mut server, &message[..], &mut sent));
                server.reclaim(&mut storage);
                storage = Storage::new();
            });
            let ((), _, inflater) = bytes_in_use(|| {
                receive(&mut client, &sent, |_| ());
                client.reclaim(&mut storage);
                storage = Storage::new();
            });
            Self { compressor, inflater }
        };
        thread::scope(|scope| scope.spawn(count).join().expect("it counts"))
    }
}

/// A connection that has begun a message: it holds a compressor and an inflater.
fn in_message(deflate: &Deflate) -> (Connection, Connection) {
    let (mut client, mut server) = connections(deflate);
    let mut sent = Vec::new();
    send(&mut server, Outgoing::text_fragment("first", false), &mut sent);
    receive(&mut client, &sent, |_| ());
    (client, server)
}

fn send<'a>(server: &mut Connection, message: impl Into<Outgoing<'a>>, to: &mut Vec<u8>) {
    server.send(message).expect("a message that is not too long");
    let output = server.output();
    output.chunks().for_each(|chunk| to.extend_from_slice(chunk));
    output.advance(output.len());
}

fn receive(client: &mut Connection, mut sent: &[u8], mut on_text: impl FnMut(&str)) {
    while client.read_from(&mut sent).expect("a slice has no errors") > 0 {
        while let Some(event) = client.next_event().expect("valid frames") {
            if let Event::Text(text) = event {
                on_text(text);
            }
        }
    }
}

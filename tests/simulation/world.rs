//! What one seed makes of everything: the network, the two programs, their configurations, and what goes wrong.

use std::time::Duration;

use sansocket::{Config, Limits};

use crate::network::{Fault, Path};
use crate::random::Random;

/// One simulated world.
#[derive(Debug)]
pub(crate) struct World {
    /// No time limit is shorter than what the network may need, and nothing is lost. So all arrives, and the end is clean.
    pub(crate) is_gentle: bool,
    pub(crate) path: Path,
    /// Of the client and of the server.
    pub(crate) plans: [Plan; 2],
    pub(crate) faults: Vec<(Duration, Fault)>,
    /// By then all has ended.
    pub(crate) last: Duration,
}

/// What one program does.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) config: Config,
    pub(crate) style: Style,
    pub(crate) how: How,
    /// How often it sends something, and the longest pause before it does.
    pub(crate) steps: usize,
    pub(crate) pause: Duration,
    /// The longest message.
    pub(crate) longest: usize,
    /// In percent: how often it does something else instead of reading, drops a future, sends fragments, sends a Ping.
    pub(crate) busy: (usize, Duration),
    pub(crate) drops: usize,
    pub(crate) fragments: usize,
    pub(crate) pings: usize,
    pub(crate) ending: Ending,
    /// It does not end before, so that both may do so at once.
    pub(crate) ends_at: Duration,
    /// After so long, a program that waits for the end closes the connection itself.
    pub(crate) patience: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// One task reads, and feeds between two reads.
    Feeds,
    /// One task reads, and sends, pings and flushes between two reads.
    Sends,
    /// One task reads, others send.
    Split { writers: usize },
}

/// How a program reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    Messages,
    Events,
    Chunks,
}

/// What a program does when it has nothing more to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Close,
    /// It drops the future of its close and reads on.
    CloseAndRead,
    /// It reads until the peer closes.
    Wait,
    /// It drops the connection.
    Abandon,
}

const MILLI: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(86_400);

impl World {
    pub(crate) fn draw(random: &Random) -> Self {
        let is_gentle = random.percent(50);
        let (steps, longest) =
            if random.percent(5) { (300, 2_000) } else { (40, random.magnitude(8..=20_000)) };
        let steps = [random.among(1..=steps), random.among(1..=steps)];
        // At most: what one end sends in all, with headers and control frames.
        let total = 2_000 + steps[0].max(steps[1]) * (longest + 500);

        let path = draw_path(random, total);
        let stalls: Vec<_> = (0..random.among(0..=3))
            .map(|_| random.duration(MILLI..=if is_gentle { 10 * SECOND } else { 600 * SECOND }))
            .collect();
        let busy = random.duration(MILLI..=if is_gentle { 2 * SECOND } else { 300 * SECOND });

        // What all that is sent needs at most to reach a peer that reads.
        let turns = u32::try_from(6 * total / path.room + 10).unwrap();
        let needed = 2 * path.delay.1 * turns + 4 * busy + stalls.iter().sum::<Duration>() + SECOND;
        let configs = [0, 1].map(|_| {
            let time =
                || if is_gentle { 4 * needed * random.magnitude(1..=10) as u32 } else { harsh(random) };
            let config = draw_config(random, time, is_gentle, longest, total);
            if random.percent(60) { config.handshake_timeout(100 * needed) } else { config }
        });
        // A connection that checks for silence all the time has lived long after some checks.
        let life = configs.iter().filter_map(|config| config.keepalive).min();
        let life = life.map_or(100 * DAY, |keepalive| 300 * keepalive);
        let mut ends = steps.into_iter().zip(configs);
        let mut plans = [0, 1].map(|_| {
            let (steps, config) = ends.next().unwrap();
            let longest_pause = (life / u32::try_from(steps).unwrap()).max(2 * MILLI);
            let busy = (random.among(0..=30), busy);
            draw_plan(random, config, (steps, longest_pause), longest, busy, is_gentle)
        });
        if is_gentle {
            be_gentle(&mut plans, needed);
        }

        let length = plans[0].length().max(plans[1].length());
        let ends_at_once = random.percent(40);
        if ends_at_once {
            plans.iter_mut().for_each(|plan| plan.ends_at = length);
        }
        let some_time = || match random.percent(50) {
            true => random.duration(MILLI..=length + length / 4),
            false => length * random.among(0..=125) as u32 / 100,
        };
        let mut faults: Vec<_> =
            stalls.into_iter().map(|time| (some_time(), Fault::Stall(random.among(0..=1), time))).collect();
        if !is_gentle && random.percent(70) {
            let end = random.among(0..=1);
            let fault = random.pick(&[Fault::Lose, Fault::Lose, Fault::Reset, Fault::HalfClose(end)]);
            // While both ends close, or at any time.
            let closing =
                length.saturating_sub(path.delay.1) + random.duration(MILLI..=4 * path.delay.1 + MILLI);
            let time = if ends_at_once && random.percent(60) { closing } else { some_time() };
            faults.push((time, fault));
        }
        let waits: Duration =
            plans.iter().map(|plan| plan.length() + plan.patience + 40 * plan.longest_time()).sum();
        Self { is_gentle, path, plans, faults, last: needed * 20 + length + waits }
    }
}

impl Plan {
    /// How long it takes at most until there is nothing more to send, if no call waits.
    pub(crate) fn length(&self) -> Duration {
        (self.pause + self.busy.1) * u32::try_from(self.steps).unwrap()
    }

    fn longest_time(&self) -> Duration {
        let Config { keepalive, close_timeout, write_timeout, handshake_timeout, .. } = self.config;
        3 * keepalive.unwrap_or_default() + close_timeout + write_timeout + handshake_timeout
    }
}

fn draw_path(random: &Random, total: usize) -> Path {
    let room = random.magnitude(16..=200_000).max(total / 2_000);
    let least = random.duration(Duration::ZERO..=2 * SECOND);
    let most = if random.percent(50) { least } else { least + random.duration(MILLI..=SECOND) };
    Path {
        delay: (least, most),
        room,
        reported_room: random.pick(&[1, room.div_ceil(3)]),
        at_once: random.magnitude(1..=200_000).max(total / 4_000).max(room / 200),
        held: if random.percent(70) { 0 } else { random.magnitude(1..=20_000).max(room / 200) },
        late: random.pick(&[Duration::ZERO, MILLI, 20 * MILLI]),
    }
}

/// A time limit of any length.
fn harsh(random: &Random) -> Duration {
    random.duration(50 * MILLI..=60 * SECOND)
}

fn draw_config(
    random: &Random,
    time: impl Fn() -> Duration,
    is_gentle: bool,
    longest: usize,
    total: usize,
) -> Config {
    let keepalive = match (random.percent(25), is_gentle) {
        (true, _) => None,
        (false, true) => Some(time()),
        (false, false) => Some(random.duration(100 * MILLI..=3_600 * SECOND)),
    };
    let close_timeout = if !is_gentle && random.percent(10) { Duration::ZERO } else { time() };
    let config = Config::default()
        .limits(Limits::default().max_message_len(longest as u64 + 64))
        .max_output_len(longest + 200 + random.magnitude(1..=total))
        .read_len(random.magnitude(1_000..=20_000))
        .keepalive(keepalive)
        .close_timeout(close_timeout)
        .write_timeout(time())
        .handshake_timeout(time());
    #[cfg(feature = "deflate")]
    let config = config.deflate(random.percent(30).then(|| {
        let [takeover, peer_takeover] = [(); 2].map(|()| random.percent(50));
        sansocket::Deflate::default().takeover(takeover).peer_takeover(peer_takeover).min_len(0)
    }));
    config
}

fn draw_plan(
    random: &Random,
    config: Config,
    (steps, longest_pause): (usize, Duration),
    longest: usize,
    busy: (usize, Duration),
    is_gentle: bool,
) -> Plan {
    let endings = [Ending::Close, Ending::CloseAndRead, Ending::Wait, Ending::Abandon];
    Plan {
        config,
        style: random.pick(&[
            Style::Feeds,
            Style::Sends,
            Style::Split { writers: 1 },
            Style::Split { writers: 2 },
        ]),
        how: random.pick(&[How::Messages, How::Events, How::Chunks]),
        steps,
        pause: if random.percent(30) { longest_pause } else { random.duration(MILLI..=longest_pause) },
        longest,
        busy,
        drops: random.pick(&[0, 10, 50]),
        fragments: random.pick(&[0, 10, 50]),
        pings: random.pick(&[0, 10]),
        ending: random.pick(&endings[..if is_gentle { 3 } else { 4 }]),
        ends_at: Duration::ZERO,
        patience: random.duration(SECOND..=600 * SECOND),
    }
}

/// Both plans go well together.
fn be_gentle(plans: &mut [Plan; 2], needed: Duration) {
    // If neither end reads while it writes, neither gets on.
    if plans.iter().all(|plan| plan.style == Style::Sends) {
        plans[0].style = Style::Feeds;
    }
    if plans.iter().all(|plan| plan.ending == Ending::Wait) {
        plans[1].ending = Ending::Close;
    }
    let longest = 2 * (plans[0].length() + plans[1].length()) + 20 * needed;
    for plan in plans {
        plan.patience = longest;
        if plan.style == Style::Feeds {
            plan.config.max_output_len = usize::MAX / 2;
        }
    }
}

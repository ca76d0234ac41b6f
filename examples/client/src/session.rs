//! An open connection: one thread prints what arrives, one sends the lines of the input.
//!
//! Neither thread waits for the other. Pings are answered while the input is idle, and the program ends with the
//! connection even if the input does not end.

use std::io;
use std::net::TcpStream;
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::thread;
use std::time::Duration;

use sansocket::blocking::{Reader, WebSocket, Writer};
use sansocket::{CloseCode, Error, Event, SendError};

use crate::Options;
use crate::ending::Status;
use crate::input::{Line, Lines};
use crate::output::{Notes, Screen};

/// The sending half, and what the exit status depends on.
struct Sending {
    writer: Writer,
    notes: Notes,
    /// The first close code that this end chose; zero before.
    asked: AtomicU16,
    /// A line was not sent.
    unsent: AtomicBool,
    /// The input could not be read.
    unread: AtomicBool,
}

pub(crate) fn run(socket: WebSocket<TcpStream>, options: &Options, notes: Notes) -> Status {
    let mut connected = format!("connected to {}:{}", options.url.host(), options.url.port());
    if let Some(subprotocol) = socket.subprotocol() {
        connected += &format!(", subprotocol {subprotocol}");
    }
    if options.deflate {
        connected += if socket.negotiated().is_some() { ", compressed" } else { ", not compressed" };
    }
    let (mut reader, writer) = socket.split();
    let sending = Arc::new(Sending {
        writer,
        notes,
        asked: AtomicU16::new(0),
        unsent: AtomicBool::new(false),
        unread: AtomicBool::new(false),
    });
    if let Err(error) = close_on_ctrl_c(&sending) {
        notes.complain(format_args!("Ctrl-C will end the program at once: {error}"));
    }
    notes.say(connected);
    let typing = Typing {
        sending: Arc::clone(&sending),
        commands: !options.no_commands,
        wait: options.wait,
        counting: options.count.is_some(),
    };
    if let Err(error) = thread::Builder::new().spawn(move || typing.run()) {
        notes.complain(error);
        return Status::InputOrOutput;
    }
    let screen = Screen::new(options.json, notes);
    receive(&mut reader, &sending, screen, options.count.map(u64::from))
}

/// Prints what arrives until the connection has ended. `left`: how many messages to print, with `--count`.
fn receive(reader: &mut Reader, sending: &Arc<Sending>, mut screen: Screen, mut left: Option<u64>) -> Status {
    let mut shown = Ok(());
    let outcome = loop {
        let event = match reader.read_event() {
            Ok(Some(event)) => event,
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        };
        // This end is closing: later messages are not printed.
        if shown.is_err() || left == Some(0) {
            continue;
        }
        shown = screen.show(&event);
        if matches!(event, Event::Text(_) | Event::Binary(_)) {
            left = left.map(|left| left - 1);
        }
        if shown.is_err() {
            sending.close_meanwhile(CloseCode::GOING_AWAY);
        } else if left == Some(0) {
            sending.close_meanwhile(CloseCode::NORMAL);
        }
    };
    let notes = sending.notes;
    match &shown {
        // The program that read the output has ended, as in `sansocket … | head -1`.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
        Err(error) => notes.complain(format_args!("the output cannot be written: {error}")),
        Ok(()) => {}
    }
    let asked = Some(CloseCode(sending.asked.load(Ordering::SeqCst))).filter(|code| code.0 != 0);
    let status = match (reader.close_info().filter(|info| info.was_clean), outcome) {
        (Some(info), _) => {
            notes.show_close(&info, asked);
            Status::of_close(&info, asked)
        }
        (None, Err(error)) => {
            notes.complain(&error);
            Status::of_fault(&error)
        }
        (None, Ok(())) => Status::Lost,
    };
    match status {
        Status::Agreed if shown.is_err() || sending.unread.load(Ordering::SeqCst) => Status::InputOrOutput,
        Status::Agreed if left.is_some_and(|left| left > 0) => Status::TooFew,
        Status::Agreed if sending.unsent.load(Ordering::SeqCst) => Status::Usage,
        status => status,
    }
}

/// The thread that reads the input.
struct Typing {
    sending: Arc<Sending>,
    commands: bool,
    wait: Option<Duration>,
    /// With `--count`, the end of the input does not close.
    counting: bool,
}

impl Typing {
    fn run(&self) {
        match self.sending.send_lines(Lines::new(io::stdin().lock()), self.commands) {
            Ok(()) => {}
            // The thread that reads the connection prints the reason.
            Err(Error::Send(SendError::Closed) | Error::Io(_)) => return,
            Err(error) => self.sending.notes.complain(error),
        }
        match self.wait {
            Some(wait) => thread::sleep(wait),
            None if self.counting => return,
            None => {}
        }
        self.sending.close(CloseCode::NORMAL, "").ok();
    }
}

impl Sending {
    /// Sends lines until the input or the connection ends.
    fn send_lines(&self, mut lines: Lines<impl io::Read>, commands: bool) -> Result<(), Error> {
        let mut pings = 0_u64;
        for number in 1_u64.. {
            // Write what was fed before waiting for more input.
            if !lines.is_ready() {
                self.writer.flush()?;
            }
            let line = match lines.next() {
                Ok(Some(Some(line))) => Line::parse(line, commands),
                Ok(Some(None)) => Err("too long"),
                Ok(None) => break,
                Err(error) => {
                    self.notes.complain(format_args!("the input cannot be read: {error}"));
                    self.unread.store(true, Ordering::SeqCst);
                    break;
                }
            };
            let sent = match line {
                Ok(Line::Message(message)) => self.writer.feed(&message),
                Ok(Line::Ping(Some(payload))) => self.writer.ping(payload.as_bytes()),
                Ok(Line::Ping(None)) => {
                    pings += 1;
                    self.writer.ping(pings.to_string().as_bytes())
                }
                Ok(Line::Close(code, reason)) => return self.close(code, reason),
                Err(fault) => {
                    self.skip(number, fault);
                    continue;
                }
            };
            match sent {
                Err(Error::Send(fault)) if fault != SendError::Closed => self.skip(number, fault),
                sent => sent?,
            }
        }
        self.writer.flush()
    }

    fn skip(&self, number: u64, fault: impl std::fmt::Display) {
        self.notes.complain(format_args!("line {number} was not sent: {fault}"));
        self.unsent.store(true, Ordering::SeqCst);
    }

    fn close(&self, code: CloseCode, reason: &str) -> Result<(), Error> {
        self.ask(code);
        self.writer.close(code, reason)
    }

    fn ask(&self, code: CloseCode) {
        self.asked.compare_exchange(0, code.0, Ordering::SeqCst, Ordering::SeqCst).ok();
    }

    /// Closes in another thread. The Close frame waits behind earlier messages, and the server may read those only if
    /// this end keeps reading.
    fn close_meanwhile(self: &Arc<Self>, code: CloseCode) {
        self.ask(code);
        let sending = Arc::clone(self);
        let closing = thread::Builder::new().spawn(move || sending.close(code, "").ok());
        if closing.is_err() {
            self.writer.abort();
        }
    }
}

fn close_on_ctrl_c(sending: &Arc<Sending>) -> Result<(), ctrlc::Error> {
    let sending = Arc::clone(sending);
    let mut pressed = false;
    ctrlc::set_handler(move || {
        if std::mem::replace(&mut pressed, true) {
            process::exit(130);
        }
        sending.close_meanwhile(CloseCode::GOING_AWAY);
    })
}

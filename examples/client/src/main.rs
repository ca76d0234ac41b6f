//! A WebSocket client for the command line, and a server for one line more. Lines of the standard input become messages;
//! messages that arrive become lines.
//!
//! ```text
//! cargo install --path examples/client
//! sansocket ws://127.0.0.1:9001/ < in > out
//! sansocket --listen 127.0.0.1:9001 --many
//! ```
//!
//! Messages go to the standard output, notes about the connection to the standard error. `README.md` shows by example what it
//! can do, `sansocket --help` lists the options and the commands. The connection is closed at the end of the input (after
//! `--wait`; with `--count`, after that many messages instead; with `--keep-open`, by the peer). Ctrl-C closes it with code
//! 1001. A second Ctrl-C ends the program at once.
//!
//! | exit status | meaning |
//! |---|---|
//! | 0 | closed with 1000, 1001, no code, or the code of `/close` |
//! | 1 | closed by the peer with another code |
//! | 2 | an option is invalid, so there was no connection; or as 0, but a line of the input was not sent |
//! | 3 | no connection: unknown host, connection refused, timeout; TLS or the proxy failed (a status of the proxy, such as 407, is printed); or the address of `--listen` is taken |
//! | 4 | the server refused the opening handshake with an HTTP status, which is printed; or its redirects lead nowhere |
//! | 5 | the peer broke a rule of the protocol, or sent a message longer than `--max-message` |
//! | 6 | the connection was lost without a closing handshake |
//! | 7 | the input could not be read, or the output could not be written (without an error message if the program that reads it has ended, as `head -1` does) |
//! | 8 | as 0, but before `--count` messages had arrived |
//! | 130 | a second Ctrl-C ended the program, or one while there was no connection |
//!
//! With `--reconnect` the status is that of the last connection, or of the last attempt.
//!
//! With `--many` the statuses 1, 4, 5 and 6 do not occur: notes say how each connection ended.
//!
//! | file | its job |
//! |---|---|
//! | `options/` | the command line |
//! | `options/way.rs` | the options of the way to a server: TLS, proxy, addresses |
//! | `insecure.rs` | accepts any certificate |
//! | `connecting.rs` | makes the connections of a client |
//! | `listening.rs` | makes the connections of a server |
//! | `session.rs` | the threads: one reads each connection, one reads the input |
//! | `typing.rs` | sends the input |
//! | `peers.rs` | the connections that the input goes to |
//! | `input/` | what the input can look like |
//! | `output.rs` | what the output can look like, and made safe for a terminal |
//! | `notes.rs` | the standard error |
//! | `hints.rs` | what to try if there is no connection |
//! | `ending.rs` | exit statuses, and errors with their numbers |

mod connecting;
mod ending;
mod hints;
mod input;
mod insecure;
mod listening;
mod notes;
mod options;
mod output;
mod peers;
mod session;
mod typing;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::CommandFactory;
use clap_complete::Shell;
use ending::Status;
use notes::Notes;
use options::Options;

fn main() -> ExitCode {
    let options = Options::read();
    let notes = Notes::new(options.output.quiet);
    let status = match &options {
        Options { completions: Some(shell), .. } => print_completions(*shell),
        Options { listen: Some(address), .. } => listening::run(address, &options, notes),
        Options { url: Some(url), .. } => connecting::run(url, &options, notes),
        // The command line is not read without any of them.
        _ => Status::Usage,
    };
    status.into()
}

fn print_completions(shell: Shell) -> Status {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Options::command(), notes::NAME, &mut script);
    let printed = io::stdout().write_all(&script).and_then(|()| io::stdout().flush());
    if printed.is_ok() { Status::Agreed } else { Status::InputOrOutput }
}

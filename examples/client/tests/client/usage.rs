//! What the program says about itself, and the request that it sends.

use sansocket::handshake::server::Request;

use super::CLIENT;
use super::process::{Client, echo, serve_if};

fn printed(options: &[&str]) -> Vec<String> {
    let mut client = Client::run(std::process::Command::new(CLIENT).args(options));
    assert_eq!(client.status(), 0);
    client.rest()
}

#[test]
fn version_is_that_of_the_package() {
    assert_eq!(printed(&["--version"]), [concat!("sansocket ", env!("CARGO_PKG_VERSION"))]);
}

#[test]
fn completions_know_the_options() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = printed(&["--completions", shell]).join("\n");
        for word in ["sansocket", "text-file", "keep-open", "max-message"] {
            assert!(script.contains(word), "{shell}: no {word}");
        }
    }
}

#[cfg(unix)]
#[test]
fn completions_for_bash_are_a_script() {
    let script = printed(&["--completions", "bash"]).join("\n");
    let check = "eval \"$1\"; COMP_WORDS=(sansocket --te) COMP_CWORD=1; _sansocket sansocket --te sansocket; echo ${COMPREPLY[@]}";
    let output = std::process::Command::new("bash").args(["-c", check, "bash", &script]).output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "--text-file\n");
}

#[test]
fn host_header_replaces_that_of_the_url() {
    let decide = |request: &Request| {
        assert_eq!(request.header("Host"), Some("example.com:8080"));
        request.accept()
    };
    let (url, server) = serve_if(decide, echo);
    let mut client = Client::start(&url, &["--header", "Host: example.com:8080"]);
    client.end_input();
    assert_eq!(client.status(), 0);
    server.join().unwrap();
}

#[test]
fn options_that_contradict_each_other_give_status_2() {
    let url = "ws://127.0.0.1:1/";
    let rows: &[(&[&str], &str)] = &[
        (&[url, "--raw", "--json"], "--raw and --json both say how messages are printed"),
        (&[url, "--binary", "--json=in"], "--binary and --json both say what the input is"),
        (&[url, "--listen", "0"], "cannot be used with"),
        (&[url, "--many"], "cannot be used with"),
        (&[url, "--wait", "1", "--keep-open"], "cannot be used with"),
        (&[url, "--completions", "bash"], "cannot be used with"),
        (&[url, "--binary=lines"], "possible values: line, length, whole"),
        (&[url, "--max-message", "1kb"], "expected a number, such as 1000 or 16MiB"),
        (&[url, "--max-message", "99999999999GiB"], "too large"),
    ];
    for (options, expected) in rows {
        let mut client = Client::run(std::process::Command::new(CLIENT).args(*options));
        assert_eq!(client.status(), 2, "{options:?}");
        let notes = client.all_notes().join("\n");
        assert!(notes.contains(expected), "{options:?}: {notes}");
    }
}

#[test]
fn keep_open_leaves_the_end_to_the_server() {
    let (url, server) = super::process::serve(|mut socket| {
        assert_eq!(socket.read().unwrap(), Some("last".into()));
        // A client that closed at the end of its input would send a Close frame before this Pong.
        socket.ping(b"").unwrap();
        assert_eq!(socket.read_event().unwrap(), Some(sansocket::Event::Pong(b"")));
        socket.send("late").unwrap();
        socket.close(sansocket::CloseCode::NORMAL, "").unwrap();
    });
    let (status, output) = Client::pipe(&url, &["--keep-open"], b"last");
    assert_eq!((status, &*output), (0, &b"late\n"[..]));
    server.join().unwrap();
}

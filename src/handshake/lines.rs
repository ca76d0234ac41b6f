//! Lines of a head that are judged before the parser sees them: how a head may begin, and which lines of a response are
//! ignored.

use alloc::vec::Vec;

use super::{is_token, token_len};

/// Whether a request line can begin with `line`: a method and a space. If the line is whole, it ends with the version. Looks at
/// its first 32 bytes and its end, so that a long line that arrives byte by byte costs linear work.
pub(super) fn may_begin_request(line: &[u8]) -> bool {
    if line.ends_with(b"\n") && ![b" HTTP/1.1\r\n", b" HTTP/1.0\r\n"].iter().any(|end| line.ends_with(*end)) {
        return false;
    }
    let bytes = line.get(..32).unwrap_or(line);
    let behind = bytes.get(token_len(bytes)..).unwrap_or_default();
    bytes.is_empty() || behind.len() < bytes.len() && matches!(behind, [] | [b' ', ..])
}

/// Whether a status line can begin with `line`: version, status, and a space or the line's end (RFC 9112 section 4).
pub(super) fn may_begin_response(line: &[u8]) -> bool {
    let fits = |(at, byte): (usize, &u8)| match at {
        0..=6 => b"HTTP/1.".get(at) == Some(byte),
        7 => matches!(byte, b'0' | b'1'),
        8 => *byte == b' ',
        9..=11 => byte.is_ascii_digit(),
        _ => matches!(byte, b' ' | b'\r'),
    };
    line.iter().take(13).enumerate().all(fits)
}

/// Whether the line of a response is no header but does no harm: it has no colon, or its name is not a token. Browsers ignore
/// such a line, and so does a client here. White space in front would fold the line into the one before (RFC 9112 section
/// 5.2), and a control character is read in more than one way, so these are not odd lines but malformed ones.
fn is_odd(line: &[u8]) -> bool {
    let name = line.split(|&byte| byte == b':').next().unwrap_or_default();
    let is_header = name.len() < line.len() && is_token(name);
    let is_text = line.iter().all(|byte| matches!(byte, b'\t' | b' '..=b'~' | 0x80..));
    !is_header && is_text && !line.starts_with(b" ") && !line.starts_with(b"\t")
}

/// The head of a response without its [odd](is_odd) lines, and its length with them. `None` if no line is odd, if the head is
/// not complete, has more than `max` lines behind the status line, or has a line end other than CR LF.
pub(super) fn without_odd_lines(bytes: &[u8], max: usize) -> Option<(usize, Vec<u8>)> {
    let (mut plain, mut rest, mut headers) = (Vec::new(), bytes, None);
    loop {
        let (line, behind) = rest.split_at_checked(rest.iter().position(|&byte| byte == b'\n')? + 1)?;
        let content = line.strip_suffix(b"\r\n")?;
        rest = behind;
        match &mut headers {
            // The first line that is not empty is the status line.
            None => headers = (!content.is_empty()).then_some(0),
            Some(_) if content.is_empty() => break,
            Some(headers) => {
                *headers += 1;
                if *headers > max {
                    return None;
                }
                if is_odd(content) {
                    continue;
                }
            }
        }
        plain.extend_from_slice(line);
    }
    plain.extend_from_slice(b"\r\n");
    let len = bytes.len() - rest.len();
    (plain.len() < len).then_some((len, plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_beginning_of_a_head_may_begin_one() {
        let rows: [(&[u8], bool, bool); 23] = [
            (b"", true, true),
            (b"\r", false, false), // alone it may begin the empty line before a head, which the scanner knows
            (b"HT", true, true),
            (b"HTTP/1.1 ", false, true),
            (b"HTTP/1.0 404\r", false, true),
            (b"HTTP/1.1 101 Switching", false, true),
            (b"HTTP/1.1 1010", false, false),
            (b"HTTP/1.1 1x", false, false),
            (b"HTTP/1.2", false, false),
            (b"HTTP/2", false, false),
            (b"SSH-2.0-OpenSSH_9.6", true, false),
            (b"220 mail.example.com ESMTP", true, false),
            (b"* OK IMAP4", true, false),
            (b"RFB 003.008", true, false),
            (b"GET /", true, false),
            (b" GET", false, false),
            (b"\x16\x03\x01", false, false),
            (b"GET\t/", false, false),
            (b"GET / HTTP/1.0\r\n", true, false),
            (b"GET / HTTP/2.0\r\n", false, false),
            (b"GET /\r\n", false, false),
            (b"HTTP/1.1 101\r\n", false, true),
            (b"PROPERTY-OF-A-METHOD-THAT-IS-VERY-LONG\x00", true, false),
        ];
        for (bytes, request, response) in rows {
            let found = (may_begin_request(bytes), may_begin_response(bytes));
            assert_eq!(found, (request, response), "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn odd_lines_are_left_out_and_malformed_ones_are_not() {
        let odd: [&[u8]; 6] = [b"no colon", b"a name: x", b"name : x", b": x", b"(name): x", b"n\xe4me: x"];
        let others: [&[u8]; 6] = [b"X: y", b"X:", b" X: y", b"\tfolded", b"no\0colon", b"a\rb: x"];
        for (lines, is_left_out) in [(odd, true), (others, false)] {
            for line in lines {
                assert_eq!(is_odd(line), is_left_out, "{}", line.escape_ascii());
                let head = [b"HTTP/1.1 101 x\r\nA: b\r\n", line, b"\r\n\r\nbehind"].concat();
                let plain = is_left_out.then(|| (head.len() - 6, b"HTTP/1.1 101 x\r\nA: b\r\n\r\n".to_vec()));
                assert_eq!(without_odd_lines(&head, 2), plain, "{}", line.escape_ascii());
                assert_eq!(without_odd_lines(&head, 1), None, "more than the limit");
            }
        }
        assert_eq!(without_odd_lines(b"HTTP/1.1 101 x\r\nno colon\r\n", 2), None, "not complete");
        assert_eq!(without_odd_lines(b"HTTP/1.1 101 x\nno colon\r\n\r\n", 2), None, "a bare LF");
    }
}

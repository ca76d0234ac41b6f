//! The parts of the crate that are functions of bytes.

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use sansocket::frame::{CloseCode, CloseFrame, FrameHeader, MaskKey, apply_mask, copy_masked};
use sansocket::{Config, Connection, Role, SendError};

use crate::model::answers::check_sent;
use crate::model::event::Got;
use crate::model::extensions;
use crate::model::paths::written;
use crate::model::receiver::{judge_close, judge_header, may_be_sent};

/// Decodes a header as the model does. The header encodes to the same bytes, and no prefix decodes differently.
pub fn frame_header(bytes: &[u8]) {
    let outcome = FrameHeader::decode(bytes);
    match (outcome, judge_header(bytes)) {
        (Ok(None), (None, broken)) => assert_eq!(broken, [], "{bytes:02x?}"),
        (Err(error), (_, broken)) => assert!(broken.contains(&error), "{error:?}, not {broken:?}"),
        (Ok(Some((header, len))), (Some(expected), broken)) => {
            let first = u8::from(header.fin) << 7 | u8::from(header.rsv1) << 6 | header.opcode as u8;
            let found = (first, header.mask.map(|key| key.0), header.payload_len, len);
            assert_eq!(found, (expected.first, expected.key, expected.payload_len, expected.len));
            assert_eq!(broken, [], "{bytes:02x?}");
            let mut encoded = [0; FrameHeader::MAX_LEN];
            assert_eq!(header.encode(&mut encoded), len);
            assert_eq!(&encoded[..len], &bytes[..len]);
        }
        (outcome, expected) => panic!("{bytes:02x?}: {outcome:?}, not {expected:?}"),
    }
    let mut decided = false;
    for end in 0..bytes.len().min(FrameHeader::MAX_LEN + 2) {
        match FrameHeader::decode(&bytes[..end]) {
            Ok(None) => assert!(!decided, "{end} bytes are undecided, fewer bytes were decided"),
            prefix => {
                assert_eq!(prefix, outcome, "{end} bytes");
                decided = true;
            }
        }
    }
}

/// Decodes the body of a Close frame as the model does. The frame encodes to the same bytes, and `close` sends what it was
/// given.
pub fn close(bytes: &[u8]) {
    let decoded = CloseFrame::decode(bytes);
    let owned = decoded.map(|frame| frame.map(|frame| (frame.code.0, frame.reason.to_string())));
    assert_eq!(owned, judge_close(bytes));
    if let Ok(Some(frame)) = decoded {
        let mut out = [0; 125];
        match frame.encode(&mut out) {
            Ok(len) => assert_eq!(&out[..len], bytes),
            Err(error) => assert!(bytes.len() > 125 && error == SendError::ReasonTooLong),
        }
    }
    let Some((code, reason)) = bytes.split_first_chunk() else { return };
    let (code, reason) = (u16::from_be_bytes(*code), String::from_utf8_lossy(reason));
    let mut connection = Connection::server(Config::default());
    match connection.close(CloseCode(code), &reason) {
        Ok(()) => {
            let sent = written(connection.output());
            assert_eq!(check_sent(Role::Server, &sent), [Got::Close(Some((code, reason.into())))]);
        }
        Err(SendError::InvalidCloseCode) => assert!(!may_be_sent(code)),
        Err(error) => assert!(error == SendError::ReasonTooLong && reason.len() > 123),
    }
}

/// Parses a list of extensions as the model does.
pub fn extensions(value: &[u8]) {
    extensions::check(value);
}

/// A payload, its place in memory, where it is cut in two, and how many bytes came before.
#[derive(Debug, Arbitrary)]
pub struct Masking<'a> {
    key: [u8; 4],
    offset: usize,
    start: u8,
    cut: u16,
    repeat: u8,
    data: &'a [u8],
}

/// Masks as the loop of section 5.3 does: whole and in two parts, in place and while copying.
pub fn mask(case: &Masking<'_>) {
    let payload = case.data.repeat(1 + usize::from(case.repeat));
    let key = MaskKey(case.key);
    let before = case.offset % 4;
    let expected: Vec<_> =
        payload.iter().enumerate().map(|(i, byte)| byte ^ case.key[(before + i) % 4]).collect();
    let start = usize::from(case.start % 64);
    let cut = usize::from(case.cut).min(payload.len());
    let at = |cut: usize| case.offset.wrapping_add(cut);

    let mut memory = [&vec![0xAA; start][..], &payload, &[0xAA; 64]].concat();
    let (front, back) = memory[start..start + payload.len()].split_at_mut(cut);
    apply_mask(front, key, case.offset);
    apply_mask(back, key, at(cut));
    assert_eq!(memory[start..start + payload.len()], expected);
    assert!(memory[..start].iter().chain(&memory[start + payload.len()..]).all(|byte| *byte == 0xAA));

    let mut memory = vec![0xAA; start + payload.len() + 64];
    copy_masked(&mut memory[start..start + cut], &payload, key, case.offset);
    copy_masked(&mut memory[start + cut..start + payload.len()], &payload[cut..], key, at(cut));
    assert_eq!(memory[start..start + payload.len()], expected);
    assert!(memory[..start].iter().chain(&memory[start + payload.len()..]).all(|byte| *byte == 0xAA));
}

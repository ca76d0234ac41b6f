//! Private state of an output: what memory it keeps, and what it counts.

use super::*;

fn outbox(output: &mut Output) -> &mut Outbox {
    output.outbox.get_or_insert_default()
}

#[test]
fn written_references_leave_little_capacity() {
    let mut output = Output::default();
    for _ in 0..5000 {
        output.append(4);
        output.append_reference(Bytes::from_static(b"news"));
    }
    while !output.is_empty() {
        output.advance(output.len().min(999));
    }
    assert!(outbox(&mut output).references.capacity() <= 2 * RETAINED_REFERENCES);
}

/// Each row: how many references were queued, how many were written, how many written ones the list still holds.
#[test]
fn written_references_are_removed_in_bulk() {
    let rows = [(1000, 100, 100), (1000, 500, 500), (1000, 501, 0), (20, 16, 16), (20, 17, 0), (34, 17, 17)];
    for (queued, written, kept) in rows {
        let mut output = Output::default();
        (0..queued).for_each(|_| output.append_reference(Bytes::from_static(b"news")));
        output.advance(4 * written);
        assert_eq!(outbox(&mut output).references.len(), queued - written + kept, "{written} of {queued}");
        assert_eq!((outbox(&mut output).gone, output.chunks().count()), (kept, queued - written));
    }
}

#[test]
fn written_reference_is_released() {
    let mut output = Output::default();
    let shared = Bytes::from(b"news".repeat(100));
    output.append_reference(shared.clone());
    output.append(4);
    output.advance(399);
    assert!(!shared.is_unique());
    output.advance(1);
    assert!(shared.is_unique());
    assert_eq!(output.chunks().count(), 1);
}

#[test]
fn empty_payload_is_no_chunk() {
    let mut output = Output::default();
    output.append_reference(Bytes::new());
    assert!(output.is_empty() && outbox(&mut output).references.is_empty());
}

#[cfg(feature = "std")]
#[test]
fn taken_output_waits_until_it_is_confirmed() {
    let mut output = Output::default();
    output.append(3);
    output.advance(3);
    output.append(10);
    let end = output.end();
    let mut taken = Output::take(&mut output);
    assert_eq!((taken.held(), output.held(), output.len()), (10, 0, 10));
    assert_eq!(output.chunks().count(), 0);
    output.append(5);
    taken.advance(10);
    for (n, len, is_written) in [(0, 15, false), (4, 11, false), (5, 6, false), (1, 5, true), (100, 5, true)]
    {
        output.confirm(n);
        assert_eq!((output.len(), output.held(), output.is_written(end)), (len, 5, is_written), "{n}");
    }
    output.advance(5);
    assert!(output.is_empty() && output.is_written(output.end()));
}

#[test]
fn output_moves_when_a_stalled_stream_takes_more() {
    let mut output = Output::default();
    output.append(10);
    output.advance(0);
    assert!(!output.take_moved(), "the stream took nothing");
    output.advance(4);
    assert!(!output.take_moved(), "the stream took what it had room for");
    output.advance(4);
    assert!(output.take_moved(), "the stream has room again");
    assert!(!output.take_moved(), "nothing has moved since");
    output.advance(2);
    assert!(output.take_moved(), "the rest, after the stream had stalled");
    output.append(4);
    output.advance(4);
    assert!(!output.take_moved(), "all of it at once");
}

#[cfg(feature = "std")]
#[test]
fn taken_output_moves_when_more_of_it_is_confirmed() {
    let mut output = Output::default();
    output.append(10);
    let _taken = Output::take(&mut output);
    output.confirm(4);
    assert!(!output.take_moved());
    output.confirm(4);
    assert!(output.take_moved());
    output.confirm(2);
    assert!(output.take_moved());
}

/// Queues Pongs of two bytes while there is room; gives their number.
fn fill_with_pongs(output: &mut Output) -> u8 {
    let mut count = 0;
    while output.takes_pong() {
        output.append(2);
        output.mark_pong();
        count += 1;
    }
    count
}

#[test]
fn sixteen_pongs_wait_at_a_time() {
    let mut output = Output::default();
    for _ in 0..300 {
        output.append(2);
        output.mark_pong();
        output.advance(2);
    }
    assert_eq!(fill_with_pongs(&mut output), PONGS);
    output.advance(2 * usize::from(PONGS) - 1);
    assert_eq!(fill_with_pongs(&mut output), 0);
    output.append(1);
    output.advance(1);
    assert_eq!(fill_with_pongs(&mut output), PONGS, "the bytes behind them are no Pong");
}

#[cfg(feature = "std")]
#[test]
fn taken_pongs_still_wait() {
    let mut output = Output::default();
    assert_eq!(fill_with_pongs(&mut output), PONGS);
    Output::take(&mut output);
    assert_eq!(fill_with_pongs(&mut output), 0);
    output.confirm(2 * usize::from(PONGS));
    output.append(2);
    output.mark_pong();
    Output::take(&mut output);
    assert_eq!(fill_with_pongs(&mut output), PONGS - 1);
}

#[test]
fn first_frame_allocates_at_least_what_the_longest_short_frame_needs() {
    // Two bytes, a masking key, 125 bytes of payload; or the longest header (section 5.2) and the payload.
    for (len, storage) in [(0, 131), (1, 131), (117, 131), (118, 132), (1000, 1014)] {
        let mut output = Output::default();
        let header =
            FrameHeader { fin: true, rsv1: false, opcode: Opcode::Text, mask: None, payload_len: len as u64 };
        output.append_frame(&header, &b"x".repeat(len));
        output.advance(output.len());
        let mut reclaimed = Storage::new();
        output.reclaim(&mut reclaimed);
        assert_eq!(reclaimed.outbox.as_ref().map_or(0, |outbox| outbox.run.capacity()), storage, "{len}");
    }
}

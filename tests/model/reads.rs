//! Bytes, cut into reads.

/// Reads of these lengths in turn, repeated. 0 means all bytes that are left.
pub(crate) fn reads<'a>(bytes: &'a [u8], lens: &[usize]) -> Vec<&'a [u8]> {
    let mut rest = bytes;
    let mut reads = Vec::new();
    let mut lens = lens.iter().cycle();
    while !rest.is_empty() {
        let len = match lens.next() {
            None | Some(0) => rest.len(),
            Some(len) => rest.len().min(*len),
        };
        reads.push(&rest[..len]);
        rest = &rest[len..];
    }
    reads
}

//! Keeps the bytes of these tests as seeds for the fuzz targets: `fuzz/seed` calls for it.

use sansocket::Role;

/// Bytes on their way to the end with that role.
pub(crate) fn keep_wire(to: Role, bytes: &[u8]) {
    keep(if to == Role::Client { "to_client" } else { "to_server" }, bytes);
}

/// Frames to either end, in the form of the fuzz targets: first byte, length, payload.
pub(crate) fn keep_frames(frames: &[(u8, &[u8])]) {
    if frames.iter().all(|(_, payload)| payload.len() <= 125) {
        let frame = |(first, payload): &(u8, &[u8])| [&[*first, payload.len() as u8], *payload].concat();
        keep("frames", &frames.iter().flat_map(frame).collect::<Vec<_>>());
    }
}

/// Keeps bytes of that kind in the folder that `SANSOCKET_SEEDS` names, if that is set.
pub(crate) fn keep(kind: &str, bytes: &[u8]) {
    use std::hash::{DefaultHasher, Hash, Hasher};

    let Some(folder) = std::env::var_os("SANSOCKET_SEEDS") else { return };
    if bytes.len() > 1000 {
        return;
    }
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    let folder = std::path::Path::new(&folder).join(kind);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(format!("{:016x}", hasher.finish())), bytes).unwrap();
}

//! Masking keys, and frames that wait: sections 5.3 and 10.3.

use sansocket::{Config, Connection, Message};

use crate::common::*;

// req: 6455-10.3-b, 6455-10.3-c
#[test]
fn section_10_3_queued_frame_does_not_change_with_the_callers_data() {
    let mut client = Connection::client_with_keys(Config::default(), SameKey);
    let mut data = vec![b'a'; 5000];
    let shared = Message::from(data.clone());
    client.send(&data).unwrap();
    client.send(&shared).unwrap();
    let expected = masked(BINARY, KEY, &data);
    let mut out: Vec<u8> = client.output().chunks().flatten().copied().take(100).collect();
    client.output().advance(100);
    data.fill(b'b');
    drop(shared);
    client.send(&data).unwrap();
    out.extend(written(client.output()));
    assert_eq!(out, [&expected[..], &expected, &masked(BINARY, KEY, &data)].concat());
}

#[cfg(feature = "std")]
mod from_the_operating_system {
    use sansocket::{Config, Connection};

    use crate::common::written;

    /// The keys of `frames` frames of a client.
    fn keys(frames: usize) -> Vec<u32> {
        let mut client = Connection::client(Config::default());
        let keys = (0..frames).map(|_| {
            client.send(b"").unwrap();
            u32::from_be_bytes(written(client.output())[2..].try_into().unwrap())
        });
        keys.collect()
    }

    // req: 6455-5.3-c, 6455-10.3-a
    #[test]
    fn section_5_3_threads_have_different_keys() {
        let threads: Vec<_> = (0..4).map(|_| std::thread::spawn(|| keys(100))).collect();
        let keys: Vec<_> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        let distinct: std::collections::HashSet<_> = keys.iter().collect();
        // Of 400 keys out of 2^32, two are equal once in 50,000 runs. Four never are.
        assert!(distinct.len() > keys.len() - 4, "{} distinct keys", distinct.len());
    }

    // req: 6455-5.3-d, 6455-10.3-a
    #[test]
    fn section_5_3_bits_of_a_key_do_not_predict_bits_of_the_next() {
        const FRAMES: usize = 20_000;
        // Seven standard deviations: a fair coin is that far off once in 400 thousand million turns.
        const OFF: usize = 500;
        let keys = keys(FRAMES + 1);
        let is_fair = |heads: usize| heads.abs_diff(FRAMES / 2) < OFF;
        for bit in 0..32 {
            let ones = keys.iter().skip(1).filter(|key| *key >> bit & 1 == 1).count();
            assert!(is_fair(ones), "bit {bit} is set {ones} times");
            for next in 0..32 {
                let pairs = keys.windows(2);
                let equal = pairs.filter(|pair| (pair[0] >> bit ^ pair[1] >> next) & 1 == 0).count();
                assert!(is_fair(equal), "bit {bit} is the next key's bit {next} {equal} times");
            }
        }
    }
}

//! The last bytes of a stream, at most a window.

use alloc::vec::Vec;

/// A ring that grows to the length of a window.
pub(crate) struct Window {
    ring: Vec<u8>,
    len: usize,
    /// Where the oldest byte is, once the ring has grown.
    start: usize,
}

impl Window {
    /// An empty window of at most 2^`bits` bytes.
    pub(crate) fn new(bits: u8) -> Self {
        Self { ring: Vec::new(), len: 1 << bits, start: 0 }
    }

    /// Adds bytes at the end. The oldest ones go.
    #[inline(always)]
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        // Nearly always the ring has grown, and the bytes fit in front of its end.
        let end = self.start.saturating_add(bytes.len());
        if self.ring.len() == self.len && end < self.len {
            if let Some(oldest) = self.ring.get_mut(self.start..end) {
                oldest.copy_from_slice(bytes);
                self.start = end;
                return;
            }
        }
        self.push_around(bytes);
    }

    #[inline(never)]
    fn push_around(&mut self, bytes: &[u8]) {
        let mut bytes = bytes.get(bytes.len().saturating_sub(self.len)..).unwrap_or_default();
        if self.ring.len() < self.len {
            let (growth, rest) = bytes.split_at(bytes.len().min(self.len - self.ring.len()));
            if self.ring.capacity() - self.ring.len() < growth.len() {
                // Doubled, but not beyond the window.
                let doubled = self.ring.len().saturating_mul(2).max(self.ring.len() + growth.len());
                self.ring.reserve_exact(doubled.min(self.len) - self.ring.len());
            }
            self.ring.extend_from_slice(growth);
            bytes = rest;
        }
        while !bytes.is_empty() {
            let (copied, rest) = bytes.split_at(bytes.len().min(self.ring.len() - self.start));
            let end = self.start + copied.len();
            if let Some(oldest) = self.ring.get_mut(self.start..end) {
                oldest.copy_from_slice(copied);
            }
            self.start = end;
            if self.start == self.ring.len() {
                self.start = 0;
            }
            bytes = rest;
        }
    }

    /// The bytes of this window and those of `newer` behind them, at most a window in all.
    pub(crate) fn followed_by(&self, newer: [&[u8]; 2]) -> Vec<u8> {
        let (second, first) = self.ring.split_at(self.start);
        let parts = [first, second, newer[0], newer[1]];
        let len: usize = parts.iter().map(|part| part.len()).sum();
        let mut all = Vec::with_capacity(len.min(self.len));
        let mut skipped = len.saturating_sub(self.len);
        for part in parts {
            all.extend_from_slice(part.get(skipped..).unwrap_or_default());
            skipped = skipped.saturating_sub(part.len());
        }
        all
    }

    pub(crate) fn clear(&mut self) {
        self.ring = Vec::new();
        self.start = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn window_is_the_end_of_all_bytes() {
        for piece in [1, 3, 7, 100, 511, 512, 513, 1000, 1024, 2000] {
            let bytes: Vec<u8> = (0..3000_u32).map(|n| (n % 251) as u8).collect();
            let mut window = Window::new(9);
            let mut pushed = 0;
            for part in bytes.chunks(piece) {
                window.push(part);
                pushed += part.len();
                let expected = &bytes[pushed.saturating_sub(512)..pushed];
                assert_eq!(window.followed_by([&[], &[]]), expected, "{piece}, {pushed} bytes");
                let newer = window.followed_by([&[1; 10], &[2; 600]]);
                assert_eq!(newer, [2; 512]);
            }
        }
    }
}

//! Where a text may begin in another, found by looking at one byte in ten or twenty (Horspool).

/// As many bytes of a text as are looked for at first: more would skip little further, and each end of a piece is looked at byte by byte.
const LENGTH: u8 = 32;

/// The first bytes of a text. Its `Debug` form shows nothing of them.
pub(super) struct Beginning {
    /// How many, in bytes; at least one.
    length: u8,
    /// For each byte, how far ahead the next place is that they may stand at where this is the last of a place that they do not stand at.
    skips: [u8; 256],
}

impl core::fmt::Debug for Beginning {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Beginning([redacted])")
    }
}

impl Beginning {
    pub(super) fn of(wanted: &[u8]) -> Self {
        let length = u8::try_from(wanted.len()).unwrap_or(LENGTH).clamp(1, LENGTH);
        let mut skips = [length; 256];
        for (byte, left) in wanted.iter().zip((1..length).rev()) {
            if let Some(skip) = skips.get_mut(usize::from(*byte)) {
                *skip = left;
            }
        }
        Self { length, skips }
    }

    /// The first place from `at` on where `bytes` go on as `wanted` does, for so many bytes or to their end.
    pub(super) fn find(&self, wanted: &[u8], bytes: &[u8], mut at: usize) -> usize {
        let length = usize::from(self.length);
        let beginning = wanted.get(..length).unwrap_or(wanted);
        let last = beginning.last();
        while let Some(byte) = bytes.get(at.saturating_add(length).saturating_sub(1)) {
            if Some(byte) == last && bytes.get(at..).is_some_and(|rest| rest.starts_with(beginning)) {
                return at;
            }
            let skip = self.skips.get(usize::from(*byte)).copied().unwrap_or(1);
            at = at.saturating_add(usize::from(skip));
        }
        let ends = |place: &usize| bytes.get(*place..).is_some_and(|end| beginning.starts_with(end));
        (at..bytes.len()).find(ends).unwrap_or(bytes.len())
    }
}

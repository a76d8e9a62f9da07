//! What is hashed: messages of a fixed seed, one behind the other in one allocation.

/// Messages.
pub struct Messages {
    bytes: Vec<u8>,
    lengths: Vec<usize>,
}

impl Messages {
    /// So many of one length.
    pub fn equal(count: usize, length: usize) -> Messages {
        Messages::of(vec![length; count])
    }

    /// Of 512 B to 1 MiB, their logarithms spread evenly, at most `total` bytes together.
    pub fn mixed(total: usize) -> Messages {
        let mut random = 1;
        let mut lengths = Vec::new();
        let mut left = total;
        loop {
            let fraction = next(&mut random) as f64 / u64::MAX as f64;
            let length = (512.0 * 2048f64.powf(fraction)) as usize;
            if length > left {
                return Messages::of(lengths);
            }
            left -= length;
            lengths.push(length);
        }
    }

    fn of(lengths: Vec<usize>) -> Messages {
        let mut random = 2;
        let mut bytes = vec![0; lengths.iter().sum()];
        bytes.chunks_mut(8).for_each(|word| word.copy_from_slice(&next(&mut random).to_le_bytes()[..word.len()]));
        Messages { bytes, lengths }
    }

    /// How many they are.
    pub fn count(&self) -> usize {
        self.lengths.len()
    }

    /// How long they are together.
    pub fn total(&self) -> usize {
        self.bytes.len()
    }

    /// Each by itself.
    pub fn slices(&self) -> Vec<&[u8]> {
        let mut rest = &self.bytes[..];
        self.lengths.iter().map(|length| rest.split_off(..*length).expect("made of these lengths")).collect()
    }
}

/// SplitMix64.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

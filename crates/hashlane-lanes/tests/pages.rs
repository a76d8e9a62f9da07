//! No read goes past the end of a message: its last byte is the last of a page, and the page behind it may not be touched.
//! (Kernels of several lanes are given such messages in their unit test.)

mod oracle;
#[path = "oracle/pages.rs"]
mod pages;

use hashlane_lanes::{Algorithm, Digest, Hasher, Lanes, Platform};
use oracle::Random;
use pages::{PAGE_BYTES, Pages};

/// Around every edge of blocks and padding, and long enough for groups of blocks.
fn lengths() -> impl Iterator<Item = usize> {
    (0..=1100).step_by(7).chain([55, 56, 63, 64, 111, 112, 127, 128, 512, 1024]).chain([4095, 4096, 65_535, 65_536])
}

#[test]
fn one_message_is_not_read_past_its_end() {
    let bytes = Random(20).bytes(PAGE_BYTES);
    let mut pages = Pages::new();
    for algorithm in Algorithm::ALL {
        for length in lengths() {
            let message = pages.at_the_end(&bytes[..length]);
            assert_eq!(Hasher::digest(algorithm, message), oracle::digest(algorithm, message), "{algorithm} {length}");
        }
    }
}

#[test]
fn no_lane_is_read_past_its_end_on_any_platform() {
    let bytes = Random(21).bytes(PAGE_BYTES);
    for (algorithm, platform) in Algorithm::ALL.into_iter().flat_map(|a| Platform::available().map(move |p| (a, p))) {
        // Alone: whole blocks are hashed where they lie.
        let mut pages = Pages::new();
        for length in lengths() {
            let mut lanes = Lanes::new(platform, 1, 128);
            let slot = lanes.admit(0, &[algorithm]).expect("a slot is vacant");
            let message = pages.at_the_end(&bytes[..length]);
            assert_eq!(lanes.feed_from(slot, message), length);
            lanes.end(slot);
            lanes.flush();
            assert_eq!(digest_of(&mut lanes), oracle::digest(algorithm, message), "{platform} {algorithm} {length}");
        }
    }
}

fn digest_of(lanes: &mut Lanes) -> Digest {
    lanes.finished().expect("it has ended").digests[0]
}

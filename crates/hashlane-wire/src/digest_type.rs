//! The digests of the dialect: what `Type` and `type` may name, and the element that each is answered in (spec section 5).
//!
//! Promised: exactly three, whatever else this product can compute. Left out on purpose: the errors of an unknown name, which
//! differ from message to message.

use hashlane_lanes::Algorithm;

/// The algorithms that jobs and synchronous hashes may ask for.
pub const WIRE_ALGORITHMS: [Algorithm; 3] = [Algorithm::Md5, Algorithm::Sha1, Algorithm::Sha256];

/// The algorithm of that name in any letter case; `None` for those that the dialect does not have, too.
pub fn wire_algorithm(name: &str) -> Option<Algorithm> {
    Algorithm::from_name(name).filter(|algorithm| WIRE_ALGORITHMS.contains(algorithm))
}

/// The element of a digest; `None` where the dialect has none.
pub(crate) const fn digest_element(algorithm: Algorithm) -> Option<&'static str> {
    match algorithm {
        Algorithm::Md5 => Some("MD5"),
        Algorithm::Sha1 => Some("SHA1"),
        Algorithm::Sha256 => Some("SHA256"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_algorithms_are_known_and_no_other_is() {
        for algorithm in Algorithm::ALL {
            let known = ["md5", "sha1", "sha256"].contains(&algorithm.name());
            for name in [algorithm.name().to_owned(), algorithm.name().to_ascii_uppercase()] {
                assert_eq!(wire_algorithm(&name), known.then_some(algorithm), "{name}");
            }
            assert_eq!(digest_element(algorithm).is_some(), known, "{algorithm}");
        }
        assert_eq!(wire_algorithm("SHA-256"), None);
    }
}

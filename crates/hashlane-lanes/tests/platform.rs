//! Platforms by name: what this CPU has can be chosen, anything else is a clear error.

use hashlane_lanes::{Algorithm, Platform};

#[test]
fn what_is_available_can_be_named() {
    let available: Vec<Platform> = Platform::available().collect();
    assert_eq!(available.first(), Some(&Platform::detect()));
    assert_eq!(available.last().map(|platform| platform.name()), Some("scalar"));
    for platform in available {
        assert_eq!(Platform::from_name(platform.name()), Ok(platform));
        assert!(Algorithm::ALL.into_iter().all(|algorithm| platform.degree(algorithm) >= 1));
    }
}

#[test]
fn a_name_that_cannot_run_here_is_an_error_that_lists_what_can() {
    for name in ["scalar", "sse2", "avx2", "avx512", "neon"] {
        if Platform::available().all(|platform| platform.name() != name) {
            let error = Platform::from_name(name).unwrap_err().to_string();
            assert!(error.starts_with(&format!("this cpu or this build has no platform {name:?}; it has")), "{error}");
            assert!(error.ends_with("scalar"), "{error}");
        }
    }
    let error = Platform::from_name("AVX2").unwrap_err().to_string();
    assert!(error.starts_with("no platform is called \"AVX2\""), "{error}");
}

#[test]
fn unset_or_empty_is_the_best() {
    assert_eq!(Platform::choose(None), Ok(Platform::detect()));
    assert_eq!(Platform::choose(Some("")), Ok(Platform::detect()));
    assert_eq!(Platform::choose(Some("scalar")).map(|platform| platform.to_string()), Ok("scalar".to_owned()));
    assert!(Platform::choose(Some("fast")).is_err());
}

#[test]
#[cfg(all(target_arch = "aarch64", target_endian = "little"))]
fn neon_is_the_best_of_aarch64_and_can_be_forced() {
    assert_eq!(Platform::detect().name(), "neon");
    assert_eq!(Platform::choose(Some("neon")), Ok(Platform::detect()));
    assert_eq!(Platform::available().map(Platform::name).collect::<Vec<_>>(), ["neon", "scalar"]);
}

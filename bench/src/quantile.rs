//! Quantiles of measured durations.

use std::time::Duration;

/// Durations in rising order.
#[derive(Debug)]
pub struct Sorted(Vec<Duration>);

impl Sorted {
    /// Sorts what was measured.
    pub fn new(mut measured: Vec<Duration>) -> Sorted {
        measured.sort_unstable();
        Sorted(measured)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The smallest duration that at least `percent` of all are not above, in milliseconds; 0 when nothing was measured.
    pub fn milliseconds(&self, percent: usize) -> f64 {
        let rank = (self.0.len() * percent).div_ceil(100).max(1);
        self.0.get(rank - 1).map_or(0.0, |it| it.as_secs_f64() * 1000.0)
    }
}

/// The middle one, the upper of two; 0 when there is none.
pub fn median(mut measured: Vec<f64>) -> f64 {
    measured.sort_unstable_by(f64::total_cmp);
    measured.get(measured.len() / 2).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_a_measured_value_by_nearest_rank() {
        let sorted = Sorted::new((1..=100).rev().map(Duration::from_millis).collect());
        for (percent, expected) in [(0, 1.0), (1, 1.0), (50, 50.0), (99, 99.0), (100, 100.0)] {
            assert_eq!(sorted.milliseconds(percent), expected, "p{percent}");
        }
        assert_eq!(Sorted::new(Vec::new()).milliseconds(50), 0.0);
    }
}

//! Chance that can be had again.

use std::time::{SystemTime, UNIX_EPOCH};

/// The variable that holds the seed of a run that is to be repeated.
const SEED: &str = "WEIR_TEST_SEED";

/// Numbers that look random and follow from a seed (Knuth's MMIX).
#[derive(Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    /// Seeded by the environment, else by the clock. Says the seed, which a failure therefore shows.
    pub(crate) fn thrown() -> Self {
        let clock = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_nanos().into();
        let seed = std::env::var(SEED).map_or_else(|_| clock(), |seed| seed.parse().expect("a seed is a number"));
        eprintln!("the same again with {SEED}={seed}");
        Self(seed)
    }

    pub(crate) fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }

    pub(crate) fn shuffle<T>(&mut self, list: &mut [T]) {
        for at in (1..list.len()).rev() {
            list.swap(at, self.below(at as u64 + 1) as usize);
        }
    }
}

//! Latencies counted into logarithmic buckets: 12 million of them take 16 KiB.

/// Buckets per power of two: a value is known to within 1/32 (3 %).
const SUB_BITS: u32 = 5;
const SUB: u64 = 1 << SUB_BITS;

/// Counts of microseconds.
#[derive(Clone, Default)]
pub(crate) struct Histogram {
    counts: Vec<u64>,
    total: u64,
    max: u64,
}

impl Histogram {
    pub(crate) fn record(&mut self, microseconds: u64) {
        let bucket = bucket(microseconds);
        if bucket >= self.counts.len() {
            self.counts.resize(bucket + 1, 0);
        }
        self.counts[bucket] += 1;
        self.total += 1;
        self.max = self.max.max(microseconds);
    }

    pub(crate) fn max(&self) -> u64 {
        self.max
    }

    /// The value that `share` (0 to 1) of the recorded ones do not exceed, rounded up to its bucket's end.
    pub(crate) fn quantile(&self, share: f64) -> u64 {
        let wanted = (self.total as f64 * share).ceil().max(1.0) as u64;
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return upper(bucket).min(self.max);
            }
        }
        self.max
    }
}

fn bucket(value: u64) -> usize {
    if value < SUB {
        return value as usize;
    }
    let shift = value.ilog2() - SUB_BITS;
    ((u64::from(shift + 1) << SUB_BITS) + ((value >> shift) - SUB)) as usize
}

fn upper(bucket: usize) -> u64 {
    let (bucket, sub) = (bucket as u64, SUB);
    if bucket < sub {
        return bucket;
    }
    let shift = (bucket >> SUB_BITS) - 1;
    (((bucket & (sub - 1)) + sub + 1) << shift) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_lies_in_its_bucket_within_three_percent() {
        for value in (0..5000).chain([65_535, 65_536, 1_000_000, 123_456_789]) {
            let upper = upper(bucket(value));
            assert!(upper >= value && upper - value <= value / 32, "{value} {upper}");
        }
    }

    #[test]
    fn quantiles_of_a_known_row() {
        let mut histogram = Histogram::default();
        (1..=1000).for_each(|value| histogram.record(value));
        assert!((500..=516).contains(&histogram.quantile(0.5)));
        assert!((990..=1000).contains(&histogram.quantile(0.99)));
        assert_eq!((histogram.quantile(1.0), histogram.max()), (1000, 1000));
    }
}

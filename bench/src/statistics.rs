//! What is said of samples.

/// The quantile `q` (0 to 1) of the samples, between two of them if need be; NaN if there are none.
pub fn quantile(samples: &[f64], q: f64) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let Some(last) = sorted.len().checked_sub(1) else {
        return f64::NAN;
    };
    let place = q * last as f64;
    let (below, above) = (place.floor() as usize, place.ceil() as usize);
    sorted[below] + (sorted[above] - sorted[below]) * place.fract()
}

/// The median of the samples.
pub fn median(samples: &[f64]) -> f64 {
    quantile(samples, 0.5)
}

/// The least sample.
pub fn least(samples: &[f64]) -> f64 {
    quantile(samples, 0.0)
}

/// The greatest sample.
pub fn greatest(samples: &[f64]) -> f64 {
    quantile(samples, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_of_known_samples() {
        let samples = [3.0, 1.0, 4.0, 2.0];
        assert_eq!(
            (least(&samples), median(&samples), greatest(&samples)),
            (1.0, 2.5, 4.0)
        );
        assert_eq!(median(&[7.0]), 7.0);
        assert!(median(&[]).is_nan());
    }
}

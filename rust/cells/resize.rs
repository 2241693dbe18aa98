//! Crops at another size: linear interpolation that averages where it shrinks.
//!
//! Each new pixel is a mean of old ones, weighted by a triangle around its centre that is as wide as
//! one pixel of the coarser of the two grids: the filter that Pillow calls "bilinear". Sums are of
//! double precision, and integers are rounded to the nearest, ties to even.

use super::pixel::Pixel;

/// Scales `pixels`, `depth` values per pixel side by side, from one number of rows and columns to
/// another.
#[must_use]
pub fn resize<P: Pixel>(pixels: &[P], depth: usize, old: (usize, usize), new: (usize, usize)) -> Vec<P> {
    let (down, across) = (Weights::new(old.0, new.0), Weights::new(old.1, new.1));
    let stride = old.1 * depth;
    let mut resized = Vec::with_capacity(new.0 * new.1 * depth);
    let mut row = vec![0.0; stride];
    let mut sums = vec![0.0; depth];
    for (top, weights) in down.of_each() {
        // The old rows of one new row, in one; then its columns.
        row.fill(0.0);
        for (old, weight) in pixels[top * stride..].chunks_exact(stride.max(1)).zip(weights) {
            for (sum, &pixel) in row.iter_mut().zip(old) {
                *sum += weight * pixel.into();
            }
        }
        for (left, weights) in across.of_each() {
            sums.fill(0.0);
            for (old, weight) in row[left * depth..].chunks_exact(depth.max(1)).zip(weights) {
                for (sum, value) in sums.iter_mut().zip(old) {
                    *sum += weight * value;
                }
            }
            resized.extend(sums.iter().map(|&sum| P::nearest(sum)));
        }
    }
    resized
}

/// Along one side, how much of the old pixels is in each new one.
struct Weights {
    /// For each new pixel the first old one that it takes in, and the end of its weights.
    ranges: Vec<(usize, usize)>,
    values: Vec<f64>,
}

impl Weights {
    fn new(old: usize, new: usize) -> Self {
        let step = old as f64 / new as f64;
        let reach = step.max(1.0);
        let mut weights = Weights { ranges: Vec::with_capacity(new), values: Vec::new() };
        for place in 0..new {
            let centre = (place as f64 + 0.5) * step;
            let weight = |pixel: usize| (1.0 - (pixel as f64 + 0.5 - centre).abs() / reach).max(0.0);
            let first = (centre - reach - 0.5).max(0.0) as usize;
            let last = ((centre + reach + 0.5) as usize).min(old);
            let own: Vec<f64> = (first..last).map(weight).collect();
            let total: f64 = own.iter().sum();
            weights.values.extend(own.iter().map(|weight| weight / total));
            weights.ranges.push((first, weights.values.len()));
        }
        weights
    }

    fn of_each(&self) -> impl Iterator<Item = (usize, &[f64])> {
        let mut start = 0;
        self.ranges.iter().map(move |&(first, end)| {
            let own = &self.values[start..end];
            start = end;
            (first, own)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Every new pixel by itself, over all old ones.
    fn naive(pixels: &[f64], depth: usize, old: (usize, usize), new: (usize, usize)) -> Vec<f64> {
        let weight = |old: usize, new: usize, from: usize, to: usize| {
            let (step, centre) = (old as f64 / new as f64, (to as f64 + 0.5) * old as f64 / new as f64);
            (1.0 - (from as f64 + 0.5 - centre).abs() / step.max(1.0)).max(0.0)
        };
        let mut resized = Vec::new();
        for (to, channel) in (0..new.0 * new.1).flat_map(|to| (0..depth).map(move |channel| (to, channel))) {
            let (mut sum, mut total) = (0.0, 0.0);
            for from in 0..old.0 * old.1 {
                let share = weight(old.0, new.0, from / old.1, to / new.1)
                    * weight(old.1, new.1, from % old.1, to % new.1);
                sum += share * pixels[from * depth + channel];
                total += share;
            }
            resized.push(sum / total);
        }
        resized
    }

    proptest! {
        #[test]
        fn each_pixel_is_the_weighted_mean(
            old in (1..20_usize, 1..20_usize),
            new in (1..20_usize, 1..20_usize),
            depth in 1..5_usize,
            seed: u32,
        ) {
            let n = old.0 * old.1 * depth;
            let pixels: Vec<u16> =
                (0..n as u32).map(|place| (place.wrapping_mul(2_654_435_761) ^ seed) as u16).collect();
            let plain: Vec<f64> = pixels.iter().map(|&pixel| pixel.into()).collect();
            let expected = naive(&plain, depth, old, new);
            let floats: Vec<f32> = pixels.iter().map(|&pixel| pixel.into()).collect();
            let found = resize(&floats, depth, old, new);
            prop_assert_eq!(found.len(), expected.len());
            for (found, expected) in found.iter().zip(&expected) {
                prop_assert!((f64::from(*found) - expected).abs() <= 0.005, "{found} {expected}");
            }
            // Rounded to the nearest, give or take what double precision has off.
            for (found, expected) in resize(&pixels, depth, old, new).iter().zip(&expected) {
                prop_assert!((f64::from(*found) - expected).abs() <= 0.5 + 1e-8, "{found} {expected}");
            }
            prop_assert_eq!(resize(&pixels, depth, old, old), pixels);
        }
    }

    #[test]
    fn ties_go_to_even_and_extremes_stay() {
        assert_eq!(resize(&[0_u8, 1, 1, 2, 254, 255], 1, (3, 2), (3, 1)), [0, 2, 254]);
        assert_eq!(resize(&[u16::MAX; 35], 1, (5, 7), (3, 11)), [u16::MAX; 33]);
        assert_eq!(resize::<u8>(&[], 3, (0, 0), (2, 2)), [0; 12]);
        assert_eq!(resize(&[7_u8], 1, (1, 1), (0, 4)), [0_u8; 0]);
    }
}

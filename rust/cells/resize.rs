//! Crops at another size: linear interpolation that averages where it shrinks.
//!
//! Each new pixel is a mean of old ones, weighted by a triangle around its centre that reaches as far
//! as one pixel of the coarser of the two grids: the filter that Pillow calls "bilinear". In units of
//! 1 / (2 max(old, new)) the weights are whole numbers, and so are the sums of whole pixels: up to
//! 2^53 they are exact, whatever their order, and a mean is rounded once: to the nearest integer, and
//! to the even one where it lies halfway.

use super::pixel::Pixel;

/// Scales `pixels`, `depth` values per pixel side by side, from one number of rows and columns to
/// another.
#[must_use]
pub fn resize<P: Pixel>(pixels: &[P], depth: usize, old: (usize, usize), new: (usize, usize)) -> Vec<P> {
    let (down, across) = (windows(old.0, new.0), windows(old.1, new.1));
    let stride = old.1 * depth;
    let mut resized = Vec::with_capacity(new.0 * new.1 * depth);
    let mut row = vec![0.0; stride];
    let mut sums = vec![0.0; depth];
    for rows in &down {
        // The old rows of one new row, in one; then its columns.
        row.fill(0.0);
        for (old, weight) in pixels[rows.first * stride..].chunks_exact(stride.max(1)).zip(&rows.weights) {
            for (sum, &pixel) in row.iter_mut().zip(old) {
                *sum += weight * pixel.into();
            }
        }
        for columns in &across {
            sums.fill(0.0);
            let pixels = row[columns.first * depth..].chunks_exact(depth.max(1));
            for (old, weight) in pixels.zip(&columns.weights) {
                for (sum, value) in sums.iter_mut().zip(old) {
                    *sum += weight * value;
                }
            }
            let total = rows.total * columns.total;
            resized.extend(sums.iter().map(|&sum| P::nearest(sum / total)));
        }
    }
    resized
}

/// The old pixels along one side that a new one takes in.
struct Window {
    first: usize,
    weights: Vec<f64>,
    total: f64,
}

/// The window of each new pixel.
fn windows(old: usize, new: usize) -> Vec<Window> {
    let (old_size, new_size) = (old as i64, new as i64);
    let reach = 2 * old_size.max(new_size);
    let window = |place: i64| {
        // Centres of old and new pixels, on a grid of 2 old new steps.
        let centre = (2 * place + 1) * old_size;
        let weight = |pixel: i64| reach - ((2 * pixel + 1) * new_size - centre).abs();
        let first = ((centre - reach) / (2 * new_size)).max(0);
        let inside = (first..old_size).skip_while(|&pixel| weight(pixel) <= 0);
        let first = inside.clone().next().unwrap_or(0) as usize;
        let weights: Vec<f64> =
            inside.map(weight).take_while(|&weight| weight > 0).map(|weight| weight as f64).collect();
        Window { first, total: weights.iter().sum(), weights }
    };
    (0..new_size).map(window).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Every new pixel by itself, over all old ones, in whole numbers: numerator and denominator.
    fn naive(pixels: &[u16], depth: usize, old: (usize, usize), new: (usize, usize)) -> Vec<(u128, u128)> {
        let weight = |old: usize, new: usize, from: usize, to: usize| {
            let apart = ((2 * from + 1) * new).abs_diff((2 * to + 1) * old);
            (2 * old.max(new)).saturating_sub(apart) as u128
        };
        let mut resized = Vec::new();
        for (to, channel) in (0..new.0 * new.1).flat_map(|to| (0..depth).map(move |channel| (to, channel))) {
            let (mut sum, mut total) = (0, 0);
            for from in 0..old.0 * old.1 {
                let share = weight(old.0, new.0, from / old.1, to / new.1)
                    * weight(old.1, new.1, from % old.1, to % new.1);
                sum += share * u128::from(pixels[from * depth + channel]);
                total += share;
            }
            resized.push((sum, total));
        }
        resized
    }

    /// The nearest whole number, the even one of two.
    fn rounded((sum, total): (u128, u128)) -> u128 {
        let (whole, rest) = (sum / total, sum % total);
        whole + u128::from(2 * rest > total || (2 * rest == total && whole % 2 == 1))
    }

    proptest! {
        #[test]
        fn each_pixel_is_the_rounded_mean(
            old in (1..20_usize, 1..20_usize),
            new in (1..20_usize, 1..20_usize),
            depth in 1..5_usize,
            most in prop::sample::select(vec![1_u32, 3, 255, 65_535]),
            seed: u32,
        ) {
            let n = old.0 * old.1 * depth;
            let pixels: Vec<u16> = (0..n as u32)
                .map(|place| (((place ^ seed).wrapping_mul(2_654_435_761) >> 16) % (most + 1)) as u16)
                .collect();
            let expected = naive(&pixels, depth, old, new);
            let found = resize(&pixels, depth, old, new);
            let found: Vec<u128> = found.into_iter().map(u128::from).collect();
            prop_assert_eq!(&found, &expected.iter().copied().map(rounded).collect::<Vec<_>>());
            let floats: Vec<f32> = pixels.iter().map(|&pixel| pixel.into()).collect();
            for (found, (sum, total)) in resize(&floats, depth, old, new).iter().zip(expected) {
                prop_assert_eq!(found.to_bits(), ((sum as f64 / total as f64) as f32).to_bits());
            }
            prop_assert_eq!(resize(&pixels, depth, old, old), pixels);
        }
    }

    #[test]
    fn ties_go_to_even_and_extremes_stay() {
        assert_eq!(resize(&[0_u8, 1, 1, 2, 254, 255], 1, (3, 2), (3, 1)), [0, 2, 254]);
        assert_eq!(resize(&[u16::MAX; 35], 1, (5, 7), (3, 11)), [u16::MAX; 33]);
        assert_eq!(resize(&[7_u8], 1, (1, 1), (0, 4)), [0_u8; 0]);
    }
}

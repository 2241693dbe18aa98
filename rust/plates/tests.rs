//! Property tests of the kernels against their naive references, at every level.

use super::beliefs::propagate;
use super::matching::Weights;
use super::sampling::Sample;
use super::sweep::{Matrix, Means, Rows, log_sums, masked_argmax};
use super::{Candidates, Flaw, Groups, Ranked, Scale, Score, Scratch, exact, free_energy, marginals, naive};
use crate::level::Level;
use half::f16;
use proptest::prelude::*;

/// A few values, so that ties are common; with both zeros and both infinities.
const VALUES: [f64; 9] = [0.0, -0.0, 1.0, -1.0, 2.5, -2.5, 0.5, f64::NEG_INFINITY, f64::INFINITY];

fn rows() -> impl Strategy<Value = (Vec<f64>, Vec<bool>)> {
    let density = prop::sample::select(vec![0.03, 0.1, 0.3, 0.5, 1.0]);
    (1usize..200, density).prop_flat_map(|(columns, density)| {
        let score = prop_oneof![prop::sample::select(VALUES.to_vec()), (-50i32..50).prop_map(f64::from)];
        (prop::collection::vec(score, columns), prop::collection::vec(prop::bool::weighted(density), columns))
    })
}

fn ranked<T: Score>(level: Level, row: &[T], allowed: &[bool], k: usize) -> Result<Vec<Ranked>, u32> {
    let mut ranked = vec![Ranked { class: 0, score: 0.0 }; k];
    let found = Candidates::new(allowed).best(level, row, &mut ranked)?;
    ranked.truncate(found);
    Ok(ranked)
}

fn agrees<T: Score>(row: &[f64], allowed: &[bool], k: usize, convert: impl Fn(f64) -> T) {
    let converted: Vec<T> = row.iter().map(|&score| convert(score)).collect();
    let expected = naive::best(row, allowed, k);
    for level in Level::available() {
        let found = ranked(level, &converted, allowed, k).unwrap();
        assert_eq!(found.iter().map(|best| best.class).collect::<Vec<_>>(), expected, "{level:?}");
        assert!(found.iter().all(|best| best.score == row[best.class as usize]));
    }
}

proptest! {
    #[test]
    fn argmax_is_the_naive_one((row, allowed) in rows(), k in 1usize..6) {
        agrees(&row, &allowed, k, |score| score);
        agrees(&row, &allowed, k, |score| score as f32);
        agrees(&row, &allowed, k, f16::from_f64);
    }

    #[test]
    fn nan_is_found_where_it_matters((row, allowed) in rows(), place in any::<prop::sample::Index>(), k in 1usize..4, negative: bool) {
        let place = place.index(row.len());
        let nan = if negative { -f64::NAN } else { f64::NAN };
        let mut row = row;
        row[place] = nan;
        let half: Vec<f16> = row.iter().map(|&score| f16::from_f64(score)).collect();
        let expected = if allowed[place] { Some(place as u32) } else { None };
        for level in Level::available() {
            prop_assert_eq!(ranked(level, &row, &allowed, k).err(), expected);
            prop_assert_eq!(ranked(level, &half, &allowed, k).err(), expected);
        }
    }

    #[test]
    fn sums_are_the_naive_ones((row, in_first) in rows(), sharpness in prop::option::of(0.01f64..3.0)) {
        let row: Vec<f64> = row
            .iter()
            .map(|&score| if score == f64::INFINITY { 3.0 } else { score })
            .map(|score| if sharpness.is_none() { score.abs().min(50.0) } else { score })
            .collect();
        let in_second: Vec<bool> = in_first.iter().map(|first| !first).collect();
        let groups = Groups::new(row.len(), [in_first.as_slice(), in_second.as_slice()]);
        let scale = sharpness.map_or(Scale::Linear, |sharpness| Scale::Logarithmic { sharpness });
        let mut first: Option<[f64; 2]> = None;
        for level in Level::available() {
            let mut sums = [0.0; 2];
            let vote = groups.vote(level, &row).unwrap();
            groups.log_sums(level, &row, vote, scale, &mut Scratch::default(), &mut sums).unwrap();
            prop_assert_eq!(vec![vote.class], naive::best(&row, &vec![true; row.len()], 1));
            for (sum, flags) in sums.into_iter().zip([&in_first, &in_second]) {
                let expected = naive::log_sum(&row, flags, sharpness);
                // Sums are of single precision, relative to the row's highest: the exponent of a score
                // so far below it is rounded a few times (2^-23 each) in proportion to the distance,
                // and scores more than 87 below weigh nothing.
                let below = (sums[0].max(sums[1]) - expected).max(0.0);
                let rounded = 2e-5 + 4.0 * below / f64::from(1 << 23);
                let dropped = row.len() as f64 * (below - 87.0).exp();
                let near = (sum - expected).abs() < rounded + dropped;
                prop_assert!(below > 80.0 || near || sum == expected, "{sum} {expected}");
            }
            // To the last bit on every level; of nothing, both are NaN or negative infinity.
            let bits = sums.map(f64::to_bits);
            prop_assert_eq!(first.get_or_insert(sums).map(f64::to_bits), bits);
        }
    }

    #[test]
    fn marginals_of_few_wells_are_exact(rows in 1usize..6, spare in 0usize..3, seed in any::<u64>()) {
        let columns = rows + spare;
        let weights = weights(rows, columns, seed);
        let logs: Vec<f64> = weights.iter().map(|weight| weight.ln()).collect();
        let (permanent, shares) = naive::matchings(&weights, columns);
        let found = marginals(Level::best(), &logs, columns).unwrap();
        prop_assert!((found.log_permanent - permanent.ln()).abs() < 1e-9);
        prop_assert_eq!(found.error, 0.0);
        for (value, share) in found.values.iter().zip(&shares) {
            prop_assert!((value - share).abs() < 1e-12);
        }
    }

    #[test]
    fn marginals_of_more_wells_are_near(rows in 9usize..13, spare in 0usize..3, sharpness in 0.2f64..3.0, seed in any::<u64>()) {
        let columns = rows + spare;
        let logs: Vec<f64> =
            weights(rows, columns, seed).iter().map(|weight| sharpness * weight.ln()).collect();
        let (shares, _) = exact::shares(&Weights::new(&logs, columns).unwrap());
        let mut first: Option<Vec<u64>> = None;
        for level in Level::available() {
            let found = marginals(level, &logs, columns).unwrap();
            prop_assert!(found.error < 0.1, "{}", found.error);
            for row in found.values.chunks(columns) {
                prop_assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-12);
            }
            for (value, share) in found.values.iter().zip(&shares) {
                prop_assert!((value - share).abs() < 0.06, "{value} {share}");
            }
            let bits: Vec<u64> = found.values.iter().map(|value| value.to_bits()).collect();
            prop_assert_eq!(first.get_or_insert_with(|| bits.clone()), &bits);
        }
    }

    #[test]
    fn samples_are_near_the_exact_shares(rows in 1usize..7, spare in 0usize..3, sharpness in 0.0f64..2.0, seed in any::<u64>()) {
        let columns = rows + spare;
        let mut drawn: Vec<f64> =
            weights(rows, columns, seed).iter().map(|weight| weight.powf(sharpness)).collect();
        let (_, shares) = naive::matchings(&drawn, columns);
        drawn.extend(std::iter::repeat_n(1.0, columns)); // scaled or not, it is right in the long run
        let mut sample = Sample::new(&drawn, columns, 500);
        sample.draw(30_000);
        let [one, other] = sample.draw(170_000);
        let total: u32 = (0..columns).map(|column| one[column] + other[column]).sum();
        for cell in 0..rows * columns {
            let found = f64::from(one[cell] + other[cell]) / f64::from(total);
            prop_assert!((found - shares[cell]).abs() < 0.03, "{found} {}", shares[cell]);
        }
    }

    #[test]
    fn beliefs_are_bethes(rows in 1usize..6, spare in 0usize..3, seed in any::<u64>()) {
        let columns = rows + spare;
        let weights = weights(rows, columns, seed);
        let logs: Vec<f64> = weights.iter().map(|weight| weight.ln()).collect();
        let (permanent, shares) = naive::matchings(&weights, columns);
        let found = propagate(Level::best(), &Weights::new(&logs, columns).unwrap(), 2000, 1e-9);
        prop_assert!(found.residual <= 1e-9, "{}", found.residual);
        for column in 0..columns {
            let total: f64 = found.values.iter().skip(column).step_by(columns).sum();
            prop_assert!(total < 1.0 + 1e-6);
        }
        // Bethe's permanent is a lower bound (Gurvits 2011), off by at most a factor 2^(n/2)
        // (Anari and Rezaei 2019).
        let slack = columns as f64 / 2.0 * std::f64::consts::LN_2;
        prop_assert!(found.log_permanent <= permanent.ln() + 1e-6);
        prop_assert!(found.log_permanent >= permanent.ln() - slack - 1e-6);
        // A row that is nearly sure is so in both.
        for (value, share) in found.values.iter().zip(&shares) {
            prop_assert!((value - share).abs() < 0.5);
        }
    }

    #[test]
    fn free_energy_bounds(rows in 1usize..6, spare in 0usize..3, seed in any::<u64>()) {
        let columns = rows + spare;
        let weights = weights(rows, columns, seed);
        let logs: Vec<f64> = weights.iter().map(|weight| weight.ln()).collect();
        let (permanent, _) = naive::matchings(&weights, columns);
        let ways: f64 = (0..rows).map(|row| (columns - row) as f64).product();
        let found = free_energy(Level::best(), &logs, columns, 5000, 1e-9).unwrap();
        prop_assert!(found.converged);
        // The doubly stochastic matrix's permanent lies between n!/n^n (van der Waerden) and 1; the
        // baseline of equal weights is off by as much.
        let n = columns as f64;
        let room = n * n.ln() - (1..=columns).map(|i| (i as f64).ln()).sum::<f64>();
        prop_assert!((found.log_mean - (permanent / ways).ln()).abs() <= room + 1e-6);
    }

    #[test]
    fn rows_and_columns_scale_out(rows in 2usize..6, spare in 0usize..2, seed in any::<u64>(), shift in -20.0f64..20.0) {
        let columns = rows + spare;
        let logs: Vec<f64> = weights(rows, columns, seed).iter().map(|weight| weight.ln()).collect();
        let mut shifted = logs.clone();
        shifted[..columns].iter_mut().for_each(|log| *log += shift);
        if spare == 0 {
            shifted.iter_mut().step_by(columns).for_each(|log| *log -= shift / 4.0);
        }
        let one = marginals(Level::best(), &logs, columns).unwrap();
        let other = marginals(Level::best(), &shifted, columns).unwrap();
        for (a, b) in one.values.iter().zip(&other.values) {
            prop_assert!((a - b).abs() < 1e-5, "{a} {b}");
        }
    }
}

/// Positive weights with one likely matching, from a seed.
fn weights(rows: usize, columns: usize, seed: u64) -> Vec<f64> {
    let mut state = seed | 1;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1u64 << 53) as f64
    };
    (0..rows * columns)
        .map(|cell| (4.0 * random() - 2.0 + if cell / columns == cell % columns { 4.0 } else { 0.0 }).exp())
        .collect()
}

#[test]
fn fewer_are_allowed_than_wanted() {
    let row = [3.0, f64::NEG_INFINITY, 5.0];
    for level in Level::available() {
        let found = ranked(level, &row, &[true, true, false], 5).unwrap();
        assert_eq!(found.iter().map(|best| best.class).collect::<Vec<_>>(), [0, 1]);
        assert_eq!(ranked(level, &row, &[false; 3], 2).unwrap(), []);
        assert_eq!(ranked::<f32>(level, &[], &[], 2).unwrap(), []);
    }
}

#[test]
fn flaws_are_named() {
    let groups = Groups::new(3, [[true, true, false].as_slice()]);
    let sums = |row: &[f32]| {
        let mut out = [0.0];
        let vote = groups.vote(Level::BASELINE, row)?;
        groups.log_sums(Level::BASELINE, row, vote, Scale::Linear, &mut Scratch::default(), &mut out)?;
        Ok(out[0])
    };
    assert_eq!(sums(&[1.0, f32::NAN, 0.0]), Err(Flaw::Nan(1)));
    assert_eq!(sums(&[1.0, f32::INFINITY, 0.0]), Err(Flaw::OutOfRange(1)));
    assert_eq!(sums(&[1.0, -0.1, 0.0]), Err(Flaw::OutOfRange(1)));
    assert_eq!(sums(&[-1.0, -0.1, 0.0]), Err(Flaw::OutOfRange(0)));
    // Outside the groups anything may stand; a negative zero is a zero.
    assert_eq!(sums(&[0.5, -0.0, f32::NAN]), Ok(0.5f64.ln()));
    assert_eq!(sums(&[0.0, 0.0, -1.0]), Ok(f64::NEG_INFINITY));
}

#[test]
fn plates_that_cannot_be_matched_are_refused() {
    let level = Level::best();
    for bad in [f64::NAN, f64::INFINITY] {
        assert!(marginals(level, &[0.0, bad], 2).is_err());
        assert!(free_energy(level, &[0.0, bad], 2, 9, 0.0).is_err());
    }
    assert!(marginals(level, &[0.0, 0.0], 1).is_err()); // two wells, one class
    assert!(marginals(level, &[f64::NEG_INFINITY; 2], 2).is_err());
    assert!(marginals(level, &[0.0; 3], 2).is_err());
    assert_eq!(marginals(level, &[], 3).unwrap().error, 0.0);
    assert!(marginals(level, &[], 0).unwrap().values.is_empty());
    assert_eq!(free_energy(level, &[], 0, 9, 0.0).unwrap().log_mean, 0.0);
}

#[test]
fn forced_choices_are_found() {
    // The first well can only be class 0, so the second is class 1 although it prefers 0.
    let logs = [0.0, f64::NEG_INFINITY, 1.0, 0.0];
    let found = marginals(Level::best(), &logs, 2).unwrap();
    assert!(found.values[0] > 0.999 && found.values[3] > 0.999, "{:?}", found.values);
}

#[test]
fn the_slow_mode_is_gone() {
    // One class to spare: left alone, the odds of unused classes need hundreds of rounds.
    let columns = 120;
    let logs: Vec<f64> = weights(columns - 1, columns, 7).iter().map(|weight| 3.0 * weight.ln()).collect();
    let found = propagate(Level::best(), &Weights::new(&logs, columns).unwrap(), 200, 1e-9);
    assert!(found.residual <= 1e-9 && found.iterations < 60, "{} {}", found.iterations, found.residual);
}

#[test]
fn beliefs_are_the_fixed_point_of_the_plain_messages() {
    let n = 40;
    let weights = weights(n, n, 5);
    let logs: Vec<f64> = weights.iter().map(|weight| weight.ln()).collect();
    let expected = naive::belief_propagation(&weights, n, 200);
    for level in Level::available() {
        let found = propagate(level, &Weights::new(&logs, n).unwrap(), 500, 1e-12);
        assert!(found.values.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-8));
    }
}

#[test]
fn spare_classes_are_wells_that_hold_anything() {
    // The odds of unused classes are those of as many wells whose scores are all the same.
    let (rows, columns) = (18, 20);
    let weights = weights(rows, columns, 3);
    let logs: Vec<f64> = weights.iter().map(|weight| weight.ln()).collect();
    let found = propagate(Level::best(), &Weights::new(&logs, columns).unwrap(), 500, 1e-12);
    let mut full = weights;
    full.resize(columns * columns, 1.0);
    let expected = naive::belief_propagation(&full, columns, 3000);
    assert!(found.values.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 0.02));
}

/// Rows in a vector each.
struct Table(Vec<Vec<f64>>);

impl Matrix for Table {
    type Score = f64;

    fn shape(&self) -> (usize, usize) {
        (self.0.len(), self.0.first().map_or(0, Vec::len))
    }

    fn row(&self, row: usize) -> &[f64] {
        &self.0[row]
    }
}

#[test]
fn threads_and_order_change_no_result() {
    let scores: Vec<Vec<f64>> = weights(70, 45, 3).chunks(45).map(<[f64]>::to_vec).collect();
    let order: Vec<i64> = (0..150).map(|place| place * 37 % 70).collect();
    let allowed = [(0..45).map(|class| class % 3 > 0).collect(), vec![true; 45]];
    let groups: Vec<i64> = order.iter().map(|row| row % 2).collect();
    let column_group: Vec<i64> = (0..45).map(|class| class % 4 - 1).collect();
    let matrix = Table(scores);
    let rows = Rows::new(&matrix, Some(&order)).unwrap();
    for threads in 1..5 {
        let means = Means { level: Level::best(), threads };
        let total = Some(Scale::Linear);
        let (classes, values) = masked_argmax(&rows, &groups, &allowed, 2, total, means).unwrap();
        let (sums, votes) = log_sums(&rows, &column_group, 3, Scale::Linear, means).unwrap();
        for (place, &row) in order.iter().enumerate() {
            let scores = &matrix.0[row as usize];
            let flags = &allowed[groups[place] as usize];
            let best: Vec<i64> = naive::best(scores, flags, 2).into_iter().map(i64::from).collect();
            assert_eq!(classes[2 * place..2 * place + 2], best);
            assert_eq!(values[3 * place], scores[best[0] as usize]);
            assert!((values[3 * place + 2] - naive::log_sum(scores, flags, None)).abs() < 2e-5);
            let grouped: Vec<bool> = column_group.iter().map(|&group| group >= 0).collect();
            assert_eq!(votes[place], i64::from(naive::best(scores, &grouped, 1)[0]));
            for group in 0..3 {
                let own: Vec<bool> = column_group.iter().map(|&of| of == group as i64).collect();
                assert!((sums[3 * place + group] - naive::log_sum(scores, &own, None)).abs() < 2e-5);
            }
        }
    }
}

#[test]
fn matrices_that_do_not_fit_are_refused() {
    let matrix = Table(vec![vec![0.5, 0.25], vec![0.5, f64::NAN]]);
    let means = Means { level: Level::BASELINE, threads: 2 };
    let said = |order: Option<&[i64]>, groups: &[i64], allowed: &[Vec<bool>], k| {
        let rows = Rows::new(&matrix, order).map_err(|error| error.to_string())?;
        masked_argmax(&rows, groups, allowed, k, None, means).map_err(|error| error.to_string())
    };
    let all = [vec![true; 2]];
    for (found, expected) in [
        (said(Some(&[0, 2]), &[0, 0], &all, 1), "rows: found 2; scores has 2 rows"),
        (said(None, &[0], &all, 1), "group: length 1; expected 2"),
        (said(None, &[0, 1], &all, 1), "row 1 is in group 1; expected a number below 1"),
        (said(None, &[0, 0], &[vec![true]], 1), "allowed: found 1 columns; expected 2"),
        (said(None, &[0, 0], &[vec![false; 2]], 1), "group 0 of row 0 allows no class"),
        (said(None, &[0, 0], &all, 0), "k: found 0"),
        (said(None, &[0, 0], &all, 1), "row 1, column 1 is NaN"),
        (said(Some(&[1, 0]), &[0, 0], &all, 1), "row 1, column 1 is NaN"),
    ] {
        let found = found.unwrap_err();
        assert!(found.contains(expected), "{found}: expected {expected}");
    }
    assert!(said(Some(&[0]), &[0], &all, 1).is_ok());
    let rows = Rows::new(&matrix, None).unwrap();
    let error = log_sums(&rows, &[0], 1, Scale::Linear, means).unwrap_err().to_string();
    assert!(error.contains("column_group: length 1; expected 2"), "{error}");
}

//! Masked argmax: the best classes of a row among those that its plate can hold.
//!
//! Equal scores go to the lowest class. Negative infinity is a score like any other; a class that
//! is not allowed never wins, whatever the signs. Only allowed classes are looked at: a NaN among
//! them is an error, elsewhere it does not matter.

use super::score::Score;
use crate::level::{Level, at_level};

/// The classes allowed to a row, as the kernels want them.
#[derive(Debug)]
pub struct Candidates<T: Score> {
    /// One key per class that no score's key may exceed: the highest for an allowed class, else the
    /// lowest. The minimum with it masks a score and catches NaN in one operation.
    ceilings: Vec<T::Key>,
    /// The allowed classes, ascending.
    classes: Vec<u32>,
}

/// A class and its score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ranked {
    /// The column.
    pub class: u32,
    /// Its score.
    pub score: f64,
}

/// Numbers compared at a time.
const LANES: usize = 32;
/// Numbers searched at a time.
const BLOCK: usize = 64;

impl<T: Score> Candidates<T> {
    /// Candidates from one flag per class.
    #[must_use]
    pub fn new(allowed: &[bool]) -> Self {
        Candidates {
            ceilings: allowed.iter().map(|&yes| if yes { T::HIGHEST } else { T::LOWEST }).collect(),
            classes: (0..allowed.len() as u32).filter(|&class| allowed[class as usize]).collect(),
        }
    }

    /// The allowed classes, ascending.
    #[must_use]
    pub fn classes(&self) -> &[u32] {
        &self.classes
    }

    /// Fills `ranked` with the best classes of `row`, the best first, and returns how many there
    /// are: fewer than asked for where fewer are allowed.
    ///
    /// # Errors
    /// The lowest allowed class whose score is NaN.
    ///
    /// # Panics
    /// If `row` has another number of classes.
    pub fn best(&self, level: Level, row: &[T], ranked: &mut [Ranked]) -> Result<usize, u32> {
        assert_eq!(row.len(), self.ceilings.len(), "one score per class");
        let wanted = ranked.len().min(self.classes.len());
        let ranked = &mut ranked[..wanted];
        if wanted == 0 {
            return Ok(0);
        }
        if self.classes.len() * T::GATHER <= row.len() {
            return self.gathered(row, ranked);
        }
        let first =
            if wanted <= 2 { self.two_best(level, row, ranked) } else { self.many_best(level, row, ranked) };
        // A NaN's key is the highest of all, and infinity may share it: only then look closely.
        if first >= T::HIGHEST
            && let Some(&class) = self.classes.iter().find(|&&class| row[class as usize].to_f64().is_nan())
        {
            return Err(class);
        }
        Ok(wanted)
    }

    /// The best of few classes, looked at one by one: most are no better than the worst kept.
    fn gathered(&self, row: &[T], ranked: &mut [Ranked]) -> Result<usize, u32> {
        let mut kept = 0;
        let mut floor = T::LOWEST;
        for &class in &self.classes {
            let key = row[class as usize].key();
            if key <= floor && kept == ranked.len() {
                continue;
            }
            let score = row[class as usize].to_f64();
            if score.is_nan() {
                return Err(class);
            }
            // After its equals, so that the lowest class of them stays first.
            let place = ranked[..kept].iter().position(|other| score > other.score).unwrap_or(kept);
            kept = ranked.len().min(kept + 1);
            ranked[place..kept].rotate_right(1);
            ranked[place] = Ranked { class, score };
            floor = row[ranked[kept - 1].class as usize].key();
        }
        Ok(kept)
    }

    /// The one or two highest keys in one sweep of the row, then where they stand.
    fn two_best(&self, level: Level, row: &[T], ranked: &mut [Ranked]) -> T::Key {
        let (first, second) = if ranked.len() == 1 {
            (highest(level, row, &self.ceilings), T::LOWEST)
        } else {
            two_highest(level, row, &self.ceilings)
        };
        let class = self.find(level, row, first, 0).unwrap_or(self.classes[0]);
        ranked[0] = Ranked { class, score: row[class as usize].to_f64() };
        if let Some(runner_up) = ranked.get_mut(1) {
            let from = if second == first { class as usize + 1 } else { 0 };
            let class = self.find(level, row, second, from).unwrap_or(self.classes[0]);
            *runner_up = Ranked { class, score: row[class as usize].to_f64() };
        }
        first
    }

    /// The first allowed class at or after `from` with this key.
    fn find(&self, level: Level, row: &[T], key: T::Key, from: usize) -> Option<u32> {
        let found = find_key(level, &row[from..], &self.ceilings[from..], key)?;
        Some((from + found) as u32)
    }

    /// Any number of best classes: whole blocks are skipped where nothing beats the worst kept.
    fn many_best(&self, level: Level, row: &[T], ranked: &mut [Ranked]) -> T::Key {
        let wanted = ranked.len();
        let mut kept = 0;
        let mut keys: Vec<T::Key> = Vec::with_capacity(wanted + 1);
        let mut start = 0;
        while start < row.len() {
            if kept == wanted {
                match find_above(level, &row[start..], &self.ceilings[start..], keys[wanted - 1]) {
                    Some(found) => start += found,
                    None => break,
                }
            }
            let key = lower(row[start].key(), self.ceilings[start]);
            let allowed = self.ceilings[start] == T::HIGHEST;
            if allowed && (kept < wanted || key > keys[wanted - 1]) {
                // After its equals, so that the lowest class of them stays first.
                let place = keys.iter().position(|&other| key > other).unwrap_or(kept);
                keys.insert(place, key);
                keys.truncate(wanted);
                kept = keys.len();
                ranked[place..kept].rotate_right(1);
                ranked[place] = Ranked { class: start as u32, score: row[start].to_f64() };
            }
            start += 1;
        }
        keys[0]
    }
}

/// The lower of two keys; the ceiling where the score is NaN.
#[inline(always)]
fn lower<K: PartialOrd + Copy>(key: K, ceiling: K) -> K {
    if key < ceiling { key } else { ceiling }
}

#[inline(always)]
fn higher<K: PartialOrd + Copy>(a: K, b: K) -> K {
    if a > b { a } else { b }
}

at_level! {
    /// The highest and second-highest key under the ceilings.
    fn two_highest<T: Score>(row: &[T], ceilings: &[T::Key]) -> (T::Key, T::Key) = two_highest_body
}

#[inline(always)]
fn two_highest_body<T: Score>(row: &[T], ceilings: &[T::Key]) -> (T::Key, T::Key) {
    let mut best = [T::LOWEST; LANES];
    let mut second = [T::LOWEST; LANES];
    let (blocks, rest) = row.as_chunks::<LANES>();
    let (ceiling_blocks, ceiling_rest) = ceilings.as_chunks::<LANES>();
    for (block, ceilings) in blocks.iter().zip(ceiling_blocks) {
        for lane in 0..LANES {
            let key = lower(block[lane].key(), ceilings[lane]);
            second[lane] = higher(second[lane], lower(key, best[lane]));
            best[lane] = higher(best[lane], key);
        }
    }
    for (lane, (score, &ceiling)) in rest.iter().zip(ceiling_rest).enumerate() {
        let key = lower(score.key(), ceiling);
        second[lane] = higher(second[lane], lower(key, best[lane]));
        best[lane] = higher(best[lane], key);
    }
    let mut all = (T::LOWEST, T::LOWEST);
    for (best, second) in best.into_iter().zip(second) {
        all = (higher(all.0, best), higher(higher(all.1, second), lower(all.0, best)));
    }
    all
}

at_level! {
    /// The highest key under the ceilings.
    fn highest<T: Score>(row: &[T], ceilings: &[T::Key]) -> T::Key = highest_body
}

#[inline(always)]
fn highest_body<T: Score>(row: &[T], ceilings: &[T::Key]) -> T::Key {
    let mut best = [T::LOWEST; LANES];
    let (blocks, rest) = row.as_chunks::<LANES>();
    let (ceiling_blocks, ceiling_rest) = ceilings.as_chunks::<LANES>();
    for (block, ceilings) in blocks.iter().zip(ceiling_blocks) {
        for lane in 0..LANES {
            best[lane] = higher(best[lane], lower(block[lane].key(), ceilings[lane]));
        }
    }
    for (lane, (score, &ceiling)) in rest.iter().zip(ceiling_rest).enumerate() {
        best[lane] = higher(best[lane], lower(score.key(), ceiling));
    }
    best.into_iter().fold(T::LOWEST, higher)
}

at_level! {
    /// Where the first allowed score with this key stands.
    fn find_key<T: Score>(row: &[T], ceilings: &[T::Key], key: T::Key) -> Option<usize> = find_key_body
}

#[inline(always)]
fn find_key_body<T: Score>(row: &[T], ceilings: &[T::Key], wanted: T::Key) -> Option<usize> {
    find_body(row, ceilings, |score, _| score.is(wanted))
}

at_level! {
    /// Where the first allowed score above this key stands.
    fn find_above<T: Score>(row: &[T], ceilings: &[T::Key], key: T::Key) -> Option<usize> = find_above_body
}

#[inline(always)]
fn find_above_body<T: Score>(row: &[T], ceilings: &[T::Key], floor: T::Key) -> Option<usize> {
    find_body(row, ceilings, |score, ceiling| lower(score.key(), ceiling) > floor)
}

/// The first allowed class whose score is what is looked for; only blocks with a hit are looked at
/// closely, to see whether it is an allowed one.
#[inline(always)]
fn find_body<T: Score>(row: &[T], ceilings: &[T::Key], is_it: impl Fn(T, T::Key) -> bool) -> Option<usize> {
    let (blocks, _) = row.as_chunks::<BLOCK>();
    let (ceiling_blocks, _) = ceilings.as_chunks::<BLOCK>();
    let close = |class: &usize| is_it(row[*class], ceilings[*class]) && ceilings[*class] == T::HIGHEST;
    for (number, (block, ceilings)) in blocks.iter().zip(ceiling_blocks).enumerate() {
        let mut any = T::Flag::default();
        for lane in 0..BLOCK {
            any = any | T::Flag::from(is_it(block[lane], ceilings[lane]));
        }
        if any != T::Flag::default()
            && let Some(class) = (number * BLOCK..(number + 1) * BLOCK).find(close)
        {
            return Some(class);
        }
    }
    (blocks.len() * BLOCK..row.len()).find(close)
}

//! Marginals of one-to-one matchings by sampling them.
//!
//! A class is taken from its well, which draws another: if it is the free one, the matching is whole again;
//! else the well that had it is left without, and draws in turn. Well r draws class j with probability
//! p(r, j), the weight A(r, j) scaled by rows and columns. In the long run, each whole matching is visited
//! in proportion to its weight, whatever the scaling, and no draw is rejected: this is the chain of
//! Jerrum and Sinclair (1989), with the free class as the worm of Prokof'ev and Svistunov (2001). Sinkhorn's
//! scaling makes p a first guess at the marginals, so that wells which can be exchanged for each other,
//! in pairs, cycles or long chains, are exchanged soon.
//!
//! Classes that are in no well are matched with wells that may hold anything, all of them alike.
//! Everything is seeded: the same weights give the same numbers.

/// Whole matchings, counted while they are drawn.
pub(super) struct Sample {
    columns: usize,
    /// Walker's alias tables, one per row, the last for wells that may hold anything: a column is kept if
    /// a random number is at most the threshold, else it is another.
    tables: Vec<(u32, u32)>,
    chains: [Chain; CHAINS],
    seen: [Vec<u32>; 2],
}

/// Chains that are run side by side, so that the processor need not wait for one.
const CHAINS: usize = 4;

impl Sample {
    /// From the scaled weights of each row, the last of them that of wells that may hold anything. Draws so
    /// many times to forget where it starts.
    pub(super) fn new(shares: &[f64], columns: usize, draws: usize) -> Self {
        let mut tables = Vec::with_capacity(shares.len());
        let mut left = Vec::with_capacity(columns);
        shares.chunks_exact(columns).for_each(|row| alias(row, &mut left, &mut tables));
        let start = greedy(&shares[..shares.len() - columns], columns);
        let chains = std::array::from_fn(|number| Chain {
            random: Random(number as u64),
            held: start.iter().map(|&row| (row, 0)).collect(),
            free: 0,
            row: start[0],
            whole: 0,
        });
        let seen = [vec![0; shares.len()], vec![0; shares.len()]];
        let mut sample = Sample { columns, tables, chains, seen };
        for _ in 0..draws / CHAINS {
            for chain in &mut sample.chains {
                chain.step(&sample.tables, columns);
            }
        }
        for chain in &mut sample.chains {
            chain.whole = 0;
            chain.held.iter_mut().for_each(|(_, since)| *since = 0);
        }
        sample
    }

    /// Draws so many times, and counts in how many whole matchings each row was in each column:
    /// row-major, in two halves of the chains, of all that was drawn. The last row is that of wells that may
    /// hold anything.
    pub(super) fn draw(&mut self, draws: usize) -> &[Vec<u32>; 2] {
        let Sample { columns, tables, chains, seen } = self;
        let columns = *columns;
        let mut count = |chain: usize, (row, column, times): (u32, u32, u32)| {
            seen[chain % 2][row as usize * columns + column as usize] += times;
        };
        for _ in 0..draws / CHAINS {
            for (number, chain) in chains.iter_mut().enumerate() {
                count(number, chain.step(tables, columns));
            }
        }
        for (number, chain) in chains.iter_mut().enumerate() {
            for (column, (row, since)) in chain.held.iter_mut().enumerate() {
                count(number, (*row, column as u32, chain.whole - *since));
                *since = chain.whole;
            }
        }
        seen
    }
}

/// The row of each column, where each row in turn takes the likeliest column left; after the last row's
/// number, for columns that are left over, comes one that stands for all wells that hold anything.
fn greedy(shares: &[f64], columns: usize) -> Vec<u32> {
    let anything = (shares.len() / columns) as u32;
    let mut start = vec![anything; columns];
    for (row, shares) in shares.chunks_exact(columns).enumerate() {
        let mut best = (f64::NEG_INFINITY, 0);
        for (column, &share) in shares.iter().enumerate() {
            if start[column] == anything && share > best.0 {
                best = (share, column);
            }
        }
        start[best.1] = row as u32;
    }
    start
}

struct Chain {
    random: Random,
    /// The row that holds each column, and since which matching.
    held: Vec<(u32, u32)>,
    /// The column that is free.
    free: u32,
    /// The row in hand.
    row: u32,
    /// How many matchings have been whole.
    whole: u32,
}

impl Chain {
    /// One draw; which row loses which column by it, and in how many whole matchings it had it.
    #[inline(always)]
    fn step(&mut self, tables: &[(u32, u32)], columns: usize) -> (u32, u32, u32) {
        let row = self.row as usize * columns;
        let columns = columns as u64;
        let random = self.random.next();
        let place = ((random >> 32) * columns) >> 32;
        let (threshold, other) = tables[row + place as usize];
        let column = std::hint::select_unpredictable(random as u32 <= threshold, place as u32, other);
        let (row, since) = std::mem::replace(&mut self.held[column as usize], (self.row, self.whole));
        let lost = (row, column, self.whole - since);
        let whole = column == self.free;
        self.whole += u32::from(whole);
        let next = (((self.random.next() >> 32) * columns) >> 32) as u32;
        self.free = std::hint::select_unpredictable(whole, next, self.free);
        self.row = std::hint::select_unpredictable(whole, self.held[next as usize].0, row);
        lost
    }
}

/// Walker's table of a row of weights, the light columns filled up by the heavy ones in turn.
fn alias(row: &[f64], left: &mut Vec<f64>, tables: &mut Vec<(u32, u32)>) {
    let start = tables.len();
    let n = row.len();
    let scale = n as f64 / row.iter().sum::<f64>();
    left.clear();
    left.extend(row.iter().map(|share| share * scale));
    tables.extend((0..n as u32).map(|column| (u32::MAX, column)));
    let next =
        |left: &[f64], from: usize| from + left[from..].iter().take_while(|&&share| share < 1.0).count();
    let mut heavy = next(left, 0);
    for column in 0..n {
        let mut light = column;
        // A heavy column that has given too much becomes light itself; if it was passed, at once.
        while heavy < n && left[light] < 1.0 && light <= column {
            tables[start + light] = ((left[light] * 4_294_967_296.0) as u32, heavy as u32);
            left[heavy] -= 1.0 - left[light];
            left[light] = 0.0; // it is never looked at again, nor heavy
            if left[heavy] >= 1.0 {
                break;
            }
            light = heavy;
            heavy = next(left, heavy + 1);
        }
    }
}

/// `SplitMix64`.
struct Random(u64);

impl Random {
    #[inline(always)]
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

//! What the kernels should find, written to be obviously right.

/// The allowed classes in order of descending score, equal scores by class; the first `k`.
pub fn best(row: &[f64], allowed: &[bool], k: usize) -> Vec<u32> {
    let mut classes: Vec<u32> = (0..row.len() as u32).filter(|&class| allowed[class as usize]).collect();
    classes.sort_by(|&a, &b| row[b as usize].partial_cmp(&row[a as usize]).unwrap());
    classes.truncate(k);
    classes
}

/// The logarithm of the sum of the chosen scores, or of their exponentials.
pub fn log_sum(row: &[f64], chosen: &[bool], sharpness: Option<f64>) -> f64 {
    let weight = |&score: &f64| sharpness.map_or(score, |sharpness| (sharpness * score).exp());
    row.iter().zip(chosen).filter(|&(_, &chosen)| chosen).map(|(score, _)| weight(score)).sum::<f64>().ln()
}

/// The sum over all ways to give each row a column of its own of the product of the weights, and
/// the share of it that has each row in each column.
pub fn matchings(weights: &[f64], columns: usize) -> (f64, Vec<f64>) {
    fn go(
        weights: &[f64],
        columns: usize,
        taken: &mut Vec<usize>,
        product: f64,
        found: &mut (f64, Vec<f64>),
    ) {
        let row = taken.len();
        if row * columns == weights.len() {
            found.0 += product;
            for (row, &column) in taken.iter().enumerate() {
                found.1[row * columns + column] += product;
            }
            return;
        }
        for column in 0..columns {
            if !taken.contains(&column) {
                taken.push(column);
                go(weights, columns, taken, product * weights[row * columns + column], found);
                taken.pop();
            }
        }
    }
    let mut found = (0.0, vec![0.0; weights.len()]);
    go(weights, columns, &mut Vec::new(), 1.0, &mut found);
    let total = found.0;
    found.1.iter_mut().for_each(|share| *share /= total);
    found
}

/// Bethe's marginals of a plate with as many wells as classes, message by message.
pub fn belief_propagation(weights: &[f64], n: usize, rounds: usize) -> Vec<f64> {
    let cells = || (0..n).flat_map(|row| (0..n).map(move |column| (row, column)));
    let mut to_row = vec![1.0; n * n];
    let heard = |to_row: &[f64]| -> Vec<f64> { weights.iter().zip(to_row).map(|(a, c)| a * c).collect() };
    for _ in 0..rounds {
        let said = heard(&to_row);
        let others = |row: usize, but: usize| -> f64 {
            (0..n).filter(|&column| column != but).map(|column| said[row * n + column]).sum()
        };
        let to_column: Vec<f64> =
            cells().map(|(row, column)| weights[row * n + column] / others(row, column)).collect();
        to_row = cells()
            .map(|(but, column)| {
                let rows = (0..n).filter(|&row| row != but);
                1.0 / rows.map(|row| to_column[row * n + column]).sum::<f64>()
            })
            .collect();
    }
    let said = heard(&to_row);
    said.chunks(n).flat_map(|row| row.iter().map(|value| value / row.iter().sum::<f64>())).collect()
}

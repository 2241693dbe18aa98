//! The kernels against their naive reference, over types, shapes and patterns.

use super::measures::Values;
use super::naive::Cell;
use super::*;
use proptest::prelude::*;

/// Measures by the cellsieve's convention; the notebook has only the first.
const MEASURES: [&str; 2] = ["area_above", "intensity_max"];

fn request(threshold: Threshold, convention: Convention, clip: u64) -> Request<'static> {
    let measures = if convention == Convention::Notebook { &MEASURES[..1] } else { &MEASURES };
    Request {
        measures,
        threshold,
        convention,
        saturation: None,
        compartments: &[],
        rle: false,
        clip: Some(clip),
    }
}

fn rows_of<T>(values: &[T], columns: usize) -> Grid<'_, T> {
    Grid::new(values, (values.len().checked_div(columns).unwrap_or(0), columns))
}

fn measured<'a, L: Label, P>(
    labels: &[L],
    image: &'a [P],
    columns: usize,
    threshold: Threshold,
    convention: Convention,
    clip: u64,
) -> crate::Result<Cells>
where
    Plane<'a>: From<Grid<'a, P>>,
{
    let request = request(threshold, convention, clip);
    measure(rows_of(labels, columns), &[rows_of(image, columns).into()], None, &request)
}

/// The threshold of the only channel.
fn threshold_of(cells: &Cells) -> f64 {
    cells.channels[0].threshold
}

fn integers<'a>(cells: &'a Cells, name: &str) -> &'a [i64] {
    let mut all = cells.columns.iter().chain(cells.channels.iter().flat_map(|channel| &channel.columns));
    match all.find(|(column, _)| *column == name) {
        Some((_, Values::Integers(values))) => values,
        other => panic!("{name}: {other:?}"),
    }
}

/// A row per cell of what was measured.
fn rows(cells: &Cells) -> Vec<Cell> {
    let max = match cells.channels[0].columns.iter().find(|(name, _)| *name == "intensity_max") {
        Some((_, Values::Reals(values))) => Some(values),
        _ => None,
    };
    let value = |name, row: usize| integers(cells, name)[row];
    let row = |row: usize| Cell {
        label: value("label", row),
        min_row: value("min_row", row),
        min_col: value("min_col", row),
        max_row: value("max_row", row),
        max_col: value("max_col", row),
        area: value("area", row),
        area_above: value("area_above", row),
        intensity_max: max.map(|max| max[row]).filter(|max| !max.is_nan()),
    };
    (0..integers(cells, "label").len()).map(row).collect()
}

/// A shape and ids to fill it with: blocks, stripes, noise, one id, none.
fn field() -> impl Strategy<Value = (usize, Vec<i64>)> {
    let ids = prop_oneof![
        Just(vec![0]),
        Just(vec![1]),
        Just(vec![0, 1]),
        Just(vec![0, 0, 0, 3, 7, 120]),
        Just((0..100).collect()),
    ];
    (0..40_usize, 0..150_usize, ids, 1..40_usize, any::<u64>()).prop_map(
        |(rows, columns, ids, block, seed)| {
            let labels = (0..rows * columns).map(|place| {
                let (row, column) = (place / columns, place % columns);
                // Blocks of equal ids, by a hash of the block's place.
                let hash = (row / block * 1009 + column / block) as u64 ^ seed;
                ids[(hash.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33) as usize % ids.len()]
            });
            (columns, labels.collect())
        },
    )
}

fn pixels(n: usize, seed: u64, most: u64) -> Vec<u64> {
    let mut state = seed | 1;
    let mut next = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % (most + 1)
    };
    (0..n).map(|_| next().min(next())).collect()
}

fn check<'a, L: Label + TryFrom<i64>, P>(
    columns: usize,
    ids: &[i64],
    image: &'a [P],
    plain: &[f64],
    threshold: Threshold,
    convention: Convention,
) where
    Plane<'a>: From<Grid<'a, P>>,
{
    let labels: Vec<L> = ids.iter().map(|&id| L::try_from(id).unwrap_or(L::OUTSIDE)).collect();
    let ids: Vec<i64> = labels.iter().map(|label| label.id().unwrap()).collect();
    let found = measured(&labels, image, columns, threshold, convention, u64::MAX).unwrap();
    let (mut cells, value) = naive::measure(&ids, plain, columns, threshold, convention);
    if convention == Convention::Notebook {
        for cell in &mut cells {
            cell.intensity_max = None;
        }
    }
    assert_eq!(rows(&found), cells);
    assert_eq!(threshold_of(&found).to_bits(), value.to_bits());
    assert_eq!(found.background_area, ids.iter().filter(|&&id| id == 0).count() as u64);
}

proptest! {
    #[test]
    fn equals_naive(
        (columns, ids) in field(),
        seed: u64,
        q in 0.0..=1.0_f64,
        most in prop_oneof![Just(3_u64), Just(255), Just(300), Just(65_535)],
        fixed: bool,
        notebook: bool,
    ) {
        let raw = pixels(ids.len(), seed, most);
        let threshold = if fixed { Threshold::Fixed(q * most as f64) } else { Threshold::Quantile(q) };
        let convention = if notebook { Convention::Notebook } else { Convention::Cellsieve };

        let image: Vec<u8> = raw.iter().map(|&pixel| pixel as u8).collect();
        let plain: Vec<f64> = image.iter().map(|&pixel| f64::from(pixel)).collect();
        check::<u8, u8>(columns, &ids, &image, &plain, threshold, convention);
        check::<i32, u8>(columns, &ids, &image, &plain, threshold, convention);
        check::<u64, u8>(columns, &ids, &image, &plain, threshold, convention);

        let image: Vec<u16> = raw.iter().map(|&pixel| pixel as u16).collect();
        let plain: Vec<f64> = image.iter().map(|&pixel| f64::from(pixel)).collect();
        check::<u16, u16>(columns, &ids, &image, &plain, threshold, convention);
        check::<i64, u16>(columns, &ids, &image, &plain, threshold, convention);

        // Whole numbers: their quantile is exact in f32 where no interpolation rounds.
        let image: Vec<f32> = raw.iter().map(|&pixel| pixel as f32).collect();
        for threshold in [Threshold::Fixed(q * most as f64), Threshold::Quantile(0.0), Threshold::Quantile(1.0)] {
            check::<i16, f32>(columns, &ids, &image, &plain, threshold, Convention::Cellsieve);
        }
    }

    #[test]
    fn pieces_equal_flood_fill((columns, ids) in field()) {
        let image = vec![0_u8; ids.len()];
        let found = measured(&ids, &image, columns, Threshold::Fixed(0.0), Convention::Cellsieve, 0).unwrap();
        let mut distinct: Vec<i64> = ids.iter().copied().filter(|&id| id != 0).collect();
        distinct.sort_unstable();
        distinct.dedup();
        let pieces = if distinct.len() == 1 { flood(&ids, columns) } else { 0 };
        let expected = (pieces > 1).then(|| Suspect { label: distinct[0], pieces });
        prop_assert_eq!(found.suspect, expected);
    }

    #[test]
    fn order_of_ids_does_not_matter((columns, ids) in field(), seed: u64) {
        let image: Vec<u8> = pixels(ids.len(), seed, 200).iter().map(|&pixel| pixel as u8).collect();
        let turned: Vec<i64> = ids.iter().map(|&id| if id == 0 { 0 } else { 5_000_000_000 - id }).collect();
        let all = |ids: &[i64]| {
            rows(&measured(ids, &image, columns, Threshold::Quantile(0.9), Convention::Cellsieve, 0).unwrap())
        };
        let mut expected = all(&ids);
        for cell in &mut expected {
            cell.label = 5_000_000_000 - cell.label;
        }
        expected.reverse();
        prop_assert_eq!(all(&turned), expected);
    }
}

/// The number of connected pieces (8 neighbours) of all that is not 0.
fn flood(ids: &[i64], columns: usize) -> u64 {
    let mut seen = vec![false; ids.len()];
    let mut pieces = 0;
    for start in 0..ids.len() {
        if ids[start] == 0 || seen[start] {
            continue;
        }
        pieces += 1;
        seen[start] = true;
        let mut stack = vec![start];
        while let Some(place) = stack.pop() {
            let (row, column) = ((place / columns) as isize, (place % columns) as isize);
            for (r, c) in (-1..=1).flat_map(|r| (-1..=1).map(move |c| (row + r, column + c))) {
                if r < 0 || c < 0 || c >= columns as isize || r as usize >= ids.len() / columns {
                    continue;
                }
                let next = r as usize * columns + c as usize;
                if ids[next] != 0 && !seen[next] {
                    seen[next] = true;
                    stack.push(next);
                }
            }
        }
    }
    pieces
}

fn refuses<'a, L: Label, P>(labels: &[L], image: &'a [P], q: f64, convention: Convention) -> String
where
    Plane<'a>: From<Grid<'a, P>>,
{
    measured(labels, image, 2, Threshold::Quantile(q), convention, 0).unwrap_err().to_string()
}

#[test]
fn bad_input_is_named() {
    use Convention::Cellsieve;
    let image = [1_u8, 2, 3, 4];
    assert!(refuses(&[0_i32, 1, -7, -8], &image, 0.5, Cellsieve).contains("-7"));
    assert!(refuses(&[0, 1, u64::MAX, 1], &image, 0.5, Cellsieve).contains("18446744073709551615"));
    assert!(refuses(&[0_i32, 1], &image, 0.5, Cellsieve).contains("2 x 2 pixels, its mask 1 x 2"));
    assert!(refuses(&[0_i32, 1, 1, 1], &image, 1.5, Cellsieve).contains("1.5"));
    assert!(refuses(&[0_i32, 1, 1, 1], &[0.0, 1.0, f32::NAN, 2.0], 0.5, Cellsieve).contains("NaN"));
    let labels = rows_of(&[1_u8; 4], 2);
    let mut request = request(Threshold::Quantile(0.5), Cellsieve, 0);
    let said = measure(labels, &[], None, &request).unwrap_err().to_string();
    assert!(said.contains("found none; area_above, intensity_max can't be measured"), "{said}");
    request.measures = &["roundness"];
    let said = measure(labels, &[rows_of(&image, 2).into()], None, &request).unwrap_err().to_string();
    assert!(said.contains("found \"roundness\"; expected some of centroid_row, "), "{said}");
}

#[test]
fn no_background_has_no_threshold() {
    let found =
        measured(&[1_u8, 1], &[5_u8, 9], 2, Threshold::Quantile(0.99), Convention::Cellsieve, 255).unwrap();
    assert!(threshold_of(&found).is_nan());
    assert_eq!((integers(&found, "area"), integers(&found, "area_above")), (&[2][..], &[0][..]));
}

#[test]
fn a_mask_alone_gives_boxes_and_encodings() {
    let request = Request {
        measures: &[],
        threshold: Threshold::Quantile(0.99),
        convention: Convention::Cellsieve,
        saturation: None,
        compartments: &[],
        rle: true,
        clip: None,
    };
    let found = measure(rows_of(&[9_u8, 0, 3, 0], 2), &[], None, &request).unwrap();
    assert_eq!(integers(&found, "label"), [3, 9]);
    assert_eq!(integers(&found, "min_row"), [1, 0]);
    assert_eq!(found.columns.len(), 6);
    assert_eq!(found.rle.unwrap(), [rle::to_text(&[1, 1, 2]), rle::to_text(&[0, 1, 3])]);
    assert_eq!(found.background_area, 2);
}

#[test]
fn pixels_above_are_those_of_the_threshold() {
    // Whatever the threshold, in the pixels' own type the line is drawn between the same values.
    let thresholds = [f64::NAN, f64::NEG_INFINITY, -1.0, -1e-9, 0.0, 0.5, 254.5, 255.0, 65_535.0, 1e300];
    for threshold in thresholds {
        for pixel in [0_u8, 1, 254, 255] {
            assert_eq!(is_above(pixel, threshold), f64::from(pixel) > threshold, "{pixel} {threshold}");
        }
        for pixel in [-1e30_f32, -1.0, 0.0, 0.1, 255.0, f32::INFINITY] {
            let above = [threshold, f64::from(pixel), f64::from(pixel).next_down()];
            for threshold in above {
                assert_eq!(is_above(pixel, threshold), f64::from(pixel) > threshold, "{pixel} {threshold}");
            }
        }
    }
}

fn is_above<P: Pixel>(pixel: P, threshold: f64) -> bool {
    match P::above(threshold) {
        Above::None => false,
        Above::All => true,
        Above::Than(limit) => pixel > limit,
    }
}

#[test]
fn every_pixel_a_cell() {
    let side = 317; // 100,489 cells of one pixel
    let labels: Vec<u32> = (1..=side * side).collect();
    let image: Vec<u16> = labels.iter().map(|&id| id as u16).collect();
    let found =
        measured(&labels, &image, side as usize, Threshold::Fixed(100.0), Convention::Cellsieve, 0).unwrap();
    let found = rows(&found);
    assert_eq!(found.len(), labels.len());
    assert!(found.iter().all(|cell| cell.area == 1));
    let last = found.last().unwrap();
    let side = i64::from(side);
    assert_eq!((last.min_row, last.max_row, last.min_col, last.max_col), (side - 1, side, side - 1, side));
}

//! The encoding against the slow truth: every label by itself, pixel by pixel down the columns.

use super::*;
use crate::cells::{Grid, scan};
use proptest::prelude::*;

/// The counts of one label.
fn naive(mask: &[u16], rows: usize, columns: usize, label: u16) -> Vec<u32> {
    let mut counts = vec![0];
    let mut inside = false;
    for column in 0..columns {
        for row in 0..rows {
            if (mask[row * columns + column] == label) != inside {
                inside = !inside;
                counts.push(0);
            }
            *counts.last_mut().unwrap() += 1;
        }
    }
    counts
}

fn encoded(mask: &[u16], rows: usize, columns: usize) -> Vec<Rle> {
    encode(&scan(Grid::new(mask, (rows, columns)), |_| ()).unwrap())
}

/// Masks from noise to few large blocks, so that runs, borders, holes and parts all occur.
fn masks() -> impl Strategy<Value = (Vec<u16>, usize, usize)> {
    (1..24_usize, 1..24_usize, 1..6_usize, 1..5_u16).prop_flat_map(|(rows, columns, block, labels)| {
        let ids = prop::collection::vec(0..=labels, 24 * 24);
        ids.prop_map(move |ids| {
            let pixel = |place: usize| ids[place / columns / block * 24 + place % columns / block] * 700;
            ((0..rows * columns).map(pixel).collect(), rows, columns)
        })
    })
}

proptest! {
    #[test]
    fn every_label_at_once_is_every_label_by_itself((mask, rows, columns) in masks()) {
        let mut labels: Vec<u16> = mask.iter().copied().filter(|&id| id > 0).collect();
        labels.sort_unstable();
        labels.dedup();
        let expected: Vec<Rle> = labels
            .iter()
            .map(|&id| Rle { label: id.into(), counts: naive(&mask, rows, columns, id) })
            .collect();
        prop_assert_eq!(encoded(&mask, rows, columns), expected);
    }

    #[test]
    fn painting_the_counts_gives_the_mask_back((mask, rows, columns) in masks()) {
        let mut painted = vec![0; mask.len()];
        for rle in encoded(&mask, rows, columns) {
            paint(&rle.counts, rle.label as u16, &mut painted, rows).unwrap();
        }
        prop_assert_eq!(painted, mask);
    }

    #[test]
    fn text_gives_the_counts_back(counts in prop::collection::vec(any::<u32>(), 0..20)) {
        prop_assert_eq!(from_text(&to_text(&counts)).unwrap(), counts);
    }

    #[test]
    fn any_text_is_counts_or_an_error(text in ".{0,12}|[0-o]{0,40}") {
        let _ = from_text(&text);
    }
}

#[test]
fn known_counts() {
    // Full frame, one pixel, the first pixel, the last pixel, two corners that meet across columns.
    assert_eq!(encoded(&[1; 6], 2, 3), [Rle { label: 1, counts: vec![0, 6] }]);
    assert_eq!(encoded(&[7], 1, 1), [Rle { label: 7, counts: vec![0, 1] }]);
    assert_eq!(encoded(&[2, 0, 0, 0], 2, 2), [Rle { label: 2, counts: vec![0, 1, 3] }]);
    assert_eq!(encoded(&[0, 0, 0, 2], 2, 2), [Rle { label: 2, counts: vec![3, 1] }]);
    assert_eq!(encoded(&[0, 5, 5, 0], 2, 2), [Rle { label: 5, counts: vec![1, 2, 1] }]);
    assert_eq!(encoded(&[0; 6], 2, 3), []);
    assert_eq!(encoded(&[], 0, 3), []);
    assert_eq!(encoded(&[], 3, 0), []);
}

#[test]
fn known_texts() {
    assert_eq!(to_text(&[512 * 512]), "PPP8");
    assert_eq!(to_text(&[2048 * 2048]), "PPPP4");
    assert_eq!(from_text("PPPP4").unwrap(), [2048 * 2048]);
}

#[test]
fn refusals_say_what_was_found() {
    let text = |counts| from_text(counts).unwrap_err().to_string();
    assert!(text("4 ").contains("' '"), "{}", text("4 "));
    assert!(text("P").contains("ends within a count"));
    assert!(text("O").contains("a count of -1"));
    assert!(text("PPPPPPPP4").contains("more than 35 bits"));
    let mut mask = [0_u8; 4];
    let too_few = painted::<u8>(&["22".into()], &[], 2, 2).unwrap_err().to_string();
    assert!(too_few.contains("found 0 for 1"), "{too_few}");
    let wrong = paint(&[1, 2], 1, &mut mask, 2).unwrap_err().to_string();
    assert!(wrong.contains("add up to 3 pixels") && wrong.contains('4'), "{wrong}");
}

//! Label, box and area: what an outline knows by itself.

use super::{Column, Values};
use crate::cells::scan::Region;

/// The columns of these regions.
#[must_use]
pub fn basic(regions: &[Region]) -> Vec<Column> {
    let column = |value: fn(&Region) -> i64| Values::Integers(regions.iter().map(value).collect());
    vec![
        ("label", column(|region| region.label)),
        ("min_row", column(|region| region.min_row.into())),
        ("min_col", column(|region| region.min_col.into())),
        ("max_row", column(|region| region.max_row.into())),
        ("max_col", column(|region| region.max_col.into())),
        ("area", column(|region| region.area as i64)),
    ]
}

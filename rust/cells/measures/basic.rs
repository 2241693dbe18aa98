//! Label, box and area: what an outline knows by itself.

use super::{Column, Values};
use crate::cells::scan::Region;

pub(in crate::cells) const COLUMNS: &[&str] = &["label", "min_row", "min_col", "max_row", "max_col", "area"];

/// The columns of these regions.
pub(in crate::cells) fn columns(regions: &[Region]) -> Vec<Column> {
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

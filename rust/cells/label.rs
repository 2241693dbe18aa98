//! The integer types a label image may have.

/// An id in a label image.
pub trait Label: Copy + PartialEq + Send + Sync + 'static {
    /// The id of pixels outside every cell.
    const OUTSIDE: Self;
    /// The largest id that this type can hold.
    const CAPACITY: u64;
    /// The id as an `i64`; `None` where it does not fit (a u64 above 2^63 - 1).
    fn id(self) -> Option<i64>;
    /// The value that stands for an id; `None` where this type can't hold it.
    fn of(id: i64) -> Option<Self>;
    /// The id as written in messages.
    fn text(self) -> String;
}

macro_rules! label {
    ($($integer:ty),*) => {$(
        impl Label for $integer {
            const OUTSIDE: Self = 0;
            const CAPACITY: u64 = <$integer>::MAX as u64;
            #[inline]
            #[allow(irrefutable_let_patterns, clippy::unnecessary_fallible_conversions)]
            fn id(self) -> Option<i64> {
                i64::try_from(self).ok()
            }
            #[allow(irrefutable_let_patterns, clippy::unnecessary_fallible_conversions)]
            fn of(id: i64) -> Option<Self> {
                Self::try_from(id).ok()
            }
            fn text(self) -> String {
                self.to_string()
            }
        }
    )*};
}

label!(u8, u16, u32, u64, i16, i32, i64);

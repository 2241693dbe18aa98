//! The floating-point types a score matrix may have.

use half::f16;
use half::slice::HalfFloatSliceExt;

/// A score: the larger, the more likely is the class.
pub trait Score: Copy + Send + Sync + 'static {
    /// What scores are compared as: the number itself, or an integer that orders as it does.
    type Key: Copy + PartialOrd + PartialEq + Send + Sync + 'static;
    /// At most any key of a number.
    const LOWEST: Self::Key;
    /// At least any key of a number.
    const HIGHEST: Self::Key;

    /// Where at most one in so many classes is allowed, these are looked at one by one: by then that takes
    /// fewer instructions than to compare all, several at a time.
    const GATHER: usize;

    /// An integer as wide as a key, for flags: narrower or wider ones take instructions to convert.
    type Flag: Copy + Default + PartialEq + From<bool> + std::ops::BitOr<Output = Self::Flag>;

    /// Whether this is the key, which is a number's.
    fn is(self, key: Self::Key) -> bool;
    /// The key; `HIGHEST`, or incomparable, where the score is NaN. Both zeros have one key.
    fn key(self) -> Self::Key;
    /// The score, exactly.
    fn to_f64(self) -> f64;

    /// The type that arithmetic is done in.
    type Wide: Wide;
    /// The scores in that type: the row itself, or converted into `buffer`.
    fn wide<'a>(row: &'a [Self], buffer: &'a mut Vec<Self::Wide>) -> &'a [Self::Wide];
}

/// A type that arithmetic is done in.
pub trait Wide: Copy {
    /// The number, rounded if it must be.
    fn from_f64(number: f64) -> Self;
    /// `(self - highest) * factor`, rounded to single precision at the end.
    fn scaled(self, highest: Self, factor: Self) -> f32;
}

impl Wide for f32 {
    #[inline(always)]
    fn from_f64(number: f64) -> f32 {
        number as f32
    }

    #[inline(always)]
    fn scaled(self, highest: f32, factor: f32) -> f32 {
        (self - highest) * factor
    }
}

impl Wide for f64 {
    #[inline(always)]
    fn from_f64(number: f64) -> f64 {
        number
    }

    #[inline(always)]
    fn scaled(self, highest: f64, factor: f64) -> f32 {
        ((self - highest) * factor) as f32
    }
}

impl Score for f32 {
    type Key = f32;
    type Flag = u32;
    type Wide = f32;
    const LOWEST: f32 = f32::NEG_INFINITY;
    const HIGHEST: f32 = f32::INFINITY;
    const GATHER: usize = 8;

    fn wide<'a>(row: &'a [f32], _buffer: &'a mut Vec<f32>) -> &'a [f32] {
        row
    }

    #[inline(always)]
    #[allow(clippy::float_cmp)] // it is one of the scores
    fn is(self, key: f32) -> bool {
        self == key
    }

    #[inline(always)]
    fn key(self) -> f32 {
        self
    }

    #[inline(always)]
    fn to_f64(self) -> f64 {
        f64::from(self)
    }
}

impl Score for f64 {
    type Key = f64;
    type Flag = u64;
    type Wide = f64;
    const LOWEST: f64 = f64::NEG_INFINITY;
    const HIGHEST: f64 = f64::INFINITY;
    const GATHER: usize = 3;

    fn wide<'a>(row: &'a [f64], _buffer: &'a mut Vec<f64>) -> &'a [f64] {
        row
    }

    #[inline(always)]
    #[allow(clippy::float_cmp)] // it is one of the scores
    fn is(self, key: f64) -> bool {
        self == key
    }

    #[inline(always)]
    fn key(self) -> f64 {
        self
    }

    #[inline(always)]
    fn to_f64(self) -> f64 {
        self
    }
}

/// Half floats are compared as integers, so that no conversion instruction is needed.
impl Score for f16 {
    type Key = i16;
    type Flag = u16;
    type Wide = f32;
    const LOWEST: i16 = i16::MIN;
    const HIGHEST: i16 = i16::MAX;
    const GATHER: usize = 20;

    fn wide<'a>(row: &'a [f16], buffer: &'a mut Vec<f32>) -> &'a [f32] {
        buffer.resize(row.len(), 0.0);
        row.convert_to_f32_slice(buffer);
        buffer
    }

    /// Compares bits, which takes fewer instructions than to make a key; of zeros, all but the sign.
    #[inline(always)]
    fn is(self, key: i16) -> bool {
        let (bits, care) = match key {
            0 => (0, i16::MAX),
            1.. => (key, -1),
            _ => (key.wrapping_neg() | i16::MIN, -1),
        };
        (self.to_bits() as i16 ^ bits) & care == 0
    }

    #[inline(always)]
    fn key(self) -> i16 {
        const INFINITY: i16 = 0x7C00;
        let bits = self.to_bits() as i16;
        let magnitude = bits & i16::MAX;
        let sign = bits >> 15; // 0 or -1
        if magnitude > INFINITY { i16::MAX } else { (magnitude ^ sign) - sign }
    }

    #[inline(always)]
    fn to_f64(self) -> f64 {
        f64::from(self)
    }
}

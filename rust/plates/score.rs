//! The floating-point types a score matrix may have.

use half::f16;

/// A score: the larger, the more likely is the class.
pub trait Score: Copy + Send + Sync + 'static {
    /// What scores are compared as: the number itself, or an integer that orders as it does.
    type Key: Copy + PartialOrd + PartialEq + Send + Sync + 'static;
    /// At most any key of a number.
    const LOWEST: Self::Key;
    /// At least any key of a number.
    const HIGHEST: Self::Key;

    /// The key; `HIGHEST`, or incomparable, where the score is NaN. Both zeros have one key.
    fn key(self) -> Self::Key;
    /// The score, exactly.
    fn to_f64(self) -> f64;
}

impl Score for f32 {
    type Key = f32;
    const LOWEST: f32 = f32::NEG_INFINITY;
    const HIGHEST: f32 = f32::INFINITY;

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
    const LOWEST: f64 = f64::NEG_INFINITY;
    const HIGHEST: f64 = f64::INFINITY;

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
    const LOWEST: i16 = i16::MIN;
    const HIGHEST: i16 = i16::MAX;

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

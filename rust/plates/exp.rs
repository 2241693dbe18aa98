//! The exponential function, in a form that the compiler turns into vector instructions.

/// e to the power of `x` for `x` at most 0, within 2e-7 of itself; 0 below -87.
///
/// Cephes' `expf`: x = n ln 2 + r with |r| at most half of ln 2, a polynomial in r, and 2 to the
/// power of n put together from its bits.
#[inline(always)]
#[allow(clippy::excessive_precision, clippy::many_single_char_names)]
pub(super) fn exp_nonpositive(x: f32) -> f32 {
    const ROUND: f32 = 12_582_912.0; // 1.5 * 2^23: adding it rounds to a whole number
    let clamped = if x > -87.0 { x } else { -87.0 };
    let shifted = clamped * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = clamped - n * 0.693_359_375 + n * 2.121_944_4e-4;
    let mut p = 1.987_569_1e-4;
    p = p * r + 1.398_199_9e-3;
    p = p * r + 8.333_452e-3;
    p = p * r + 4.166_579_6e-2;
    p = p * r + 1.666_666_5e-1;
    p = p * r + 5.000_000_1e-1;
    let mantissa = p * r * r + r + 1.0;
    let scale = f32::from_bits((((n as i32) + 127) << 23) as u32);
    if x > -87.0 { mantissa * scale } else { 0.0 }
}

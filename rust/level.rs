//! Which instructions of the processor a kernel may use, found at run time.
//!
//! Wheels are built for any x86-64. The kernels are plain loops; each is compiled once more for
//! AVX2, where the compiler makes the loops twice as wide. Nothing in them depends on the width: a
//! level changes the time, never a result. AVX-512 was tried and gained nothing.

use crate::{Error, Result};

/// A set of instructions that this processor has. Only the functions below make one, so holding
/// one is proof that its instructions may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level(pub(crate) Isa);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]
pub(crate) enum Isa {
    Baseline,
    Avx2,
}

impl Level {
    /// What every processor of the target has.
    pub const BASELINE: Self = Level(Isa::Baseline);

    /// Every level that this processor has, the widest last.
    #[must_use]
    pub fn available() -> Vec<Self> {
        let mut levels = vec![Level::BASELINE];
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") {
            levels.push(Level(Isa::Avx2));
        }
        levels
    }

    /// The widest level that this processor has.
    #[must_use]
    pub fn best() -> Self {
        Self::available().pop().unwrap_or(Level::BASELINE)
    }

    /// The level of this name; the widest if none is given.
    ///
    /// # Errors
    /// This processor has no level of that name.
    pub fn named(name: Option<&str>) -> Result<Self> {
        let Some(name) = name else { return Ok(Level::best()) };
        let available = Level::available();
        available.iter().copied().find(|level| level.name() == name).ok_or_else(|| {
            let names: Vec<_> = available.into_iter().map(Level::name).collect();
            Error::Value(format!("level: found {name:?}; this processor has {}", names.join(", ")))
        })
    }

    /// The name that forces it: `baseline` or `avx2`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self.0 {
            Isa::Baseline => "baseline",
            Isa::Avx2 => "avx2",
        }
    }
}

/// Defines a function that takes a [`Level`] first and runs `$body`, an `#[inline(always)]`
/// function of the other arguments, compiled for the instructions of that level.
macro_rules! at_level {
    ($(#[$doc:meta])* $visible:vis fn $name:ident$(<$generic:ident: $bound:ident>)?
        ($($argument:ident: $type:ty),* $(,)?) $(-> $result:ty)? = $body:path) => {
        $(#[$doc])*
        #[inline]
        $visible fn $name$(<$generic: $bound>)?(level: $crate::level::Level, $($argument: $type),*) $(-> $result)? {
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2")]
            fn avx2$(<$generic: $bound>)?($($argument: $type),*) $(-> $result)? {
                $body($($argument),*)
            }
            match level.0 {
                // SAFETY: a `Level` exists only where `available` found its instructions.
                #[cfg(target_arch = "x86_64")]
                #[allow(unsafe_code)] // a masked argmax with its runner-up takes a third less time
                $crate::level::Isa::Avx2 => unsafe { avx2($($argument),*) },
                _ => $body($($argument),*),
            }
        }
    };
}
pub(crate) use at_level;

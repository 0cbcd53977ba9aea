//! The SIMD level, chosen when the program runs. It changes the time, never a bit.
//!
//! Work to be done at a level is a [`Kernel`], generic over [`Simd`]; [`dispatch`] enters a function that is compiled
//! for the level's instructions and runs the kernel inside it. Whatever the kernel calls must be inlined into it
//! (`#[inline(always)]`), or it runs right but slowly, through calls for every operation. A closure handed to another
//! thread leaves the level: dispatch again inside it.

use super::lanes::{Scalar, Simd};
use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, Ordering};

/// A SIMD level, from the slowest to the fastest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// One lane of plain Rust: the reference, available everywhere.
    Scalar,
    /// AVX2 with FMA: 256 bits.
    Avx2,
    /// AVX-512 F, DQ, VL and BW: 512 bits.
    Avx512,
}

/// The environment variable that chooses a level for the whole process.
pub const LEVEL_VARIABLE: &str = "TESSERA_SIMD";

/// The environment asks for a level that cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LevelError {
    /// The name means no level.
    #[error("TESSERA_SIMD must be one of scalar, avx2, avx512, got `{got}`; unset it to use the best level")]
    Unknown {
        /// The variable's value.
        got: String,
    },
    /// The machine lacks the level.
    #[error("TESSERA_SIMD must be a level this machine has, got `{got}`, but the best here is `{best}`")]
    Unavailable {
        /// The level asked for.
        got: Level,
        /// The best level of this machine.
        best: Level,
    },
}

/// The override of [`Level::set_override`]: 0 for none, else 1 + the level.
static OVERRIDE: AtomicU8 = AtomicU8::new(0);

impl Level {
    /// Every level, slowest first.
    pub const ALL: [Level; 3] = [Level::Scalar, Level::Avx2, Level::Avx512];

    /// The level's name, as [`LEVEL_VARIABLE`] spells it.
    pub fn name(self) -> &'static str {
        match self {
            Level::Scalar => "scalar",
            Level::Avx2 => "avx2",
            Level::Avx512 => "avx512",
        }
    }

    /// The level named `name`.
    pub fn from_name(name: &str) -> Option<Level> {
        Level::ALL.into_iter().find(|level| level.name() == name)
    }

    /// The best level of this machine.
    pub fn detect() -> Level {
        static BEST: OnceLock<Level> = OnceLock::new();
        *BEST.get_or_init(|| {
            #[cfg(target_arch = "x86_64")]
            {
                let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
                let avx512 = is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512vl")
                    && is_x86_feature_detected!("avx512bw");
                if avx2 && avx512 {
                    return Level::Avx512;
                }
                if avx2 {
                    return Level::Avx2;
                }
            }
            Level::Scalar
        })
    }

    /// The levels of this machine, slowest first.
    pub fn available() -> impl Iterator<Item = Level> {
        let best = Level::detect();
        Level::ALL.into_iter().filter(move |&level| level <= best)
    }

    /// The level that [`LEVEL_VARIABLE`] asks for, or the best one where it is not set.
    ///
    /// A program calls this at its start to report a wrong value; [`Level::current`] falls back to the best level.
    pub fn from_environment() -> Result<Level, LevelError> {
        Level::choose(std::env::var(LEVEL_VARIABLE).ok().as_deref())
    }

    /// The level for a value of [`LEVEL_VARIABLE`].
    fn choose(value: Option<&str>) -> Result<Level, LevelError> {
        let best = Level::detect();
        match value {
            None | Some("") => Ok(best),
            Some(name) => match Level::from_name(name) {
                None => Err(LevelError::Unknown { got: name.to_string() }),
                Some(got) if got > best => Err(LevelError::Unavailable { got, best }),
                Some(level) => Ok(level),
            },
        }
    }

    /// The level to use now: the override if one is set, else the environment's, read once, else the best.
    pub fn current() -> Level {
        static CHOSEN: OnceLock<Level> = OnceLock::new();
        match OVERRIDE.load(Ordering::Relaxed) {
            0 => *CHOSEN.get_or_init(|| Level::from_environment().unwrap_or_else(|_| Level::detect())),
            level => Level::ALL[level as usize - 1].min(Level::detect()),
        }
    }

    /// Makes [`Level::current`] return `level` in the whole process, or what it was before with `None`.
    ///
    /// Meant for tests and benchmarks. Since no level changes a bit, a test elsewhere may run at the same time.
    pub fn set_override(level: Option<Level>) {
        OVERRIDE.store(level.map_or(0, |level| 1 + level as u8), Ordering::Relaxed);
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Work that can run at any level.
pub trait Kernel {
    /// What it returns.
    type Output;
    /// Does the work with the vectors of level `S`. Mark implementations `#[inline(always)]`.
    fn run<S: Simd>(self) -> Self::Output;
}

/// Runs a kernel at `level`, or at the best one below it that this machine has.
#[inline]
pub fn dispatch<K: Kernel>(level: Level, kernel: K) -> K::Output {
    match level.min(Level::detect()) {
        Level::Scalar => kernel.run::<Scalar>(),
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `detect` found AVX2 and FMA.
        Level::Avx2 => unsafe { run_avx2(kernel) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `detect` found AVX-512 F, DQ, VL and BW, AVX2 and FMA.
        Level::Avx512 => unsafe { run_avx512(kernel) },
        #[cfg(not(target_arch = "x86_64"))]
        Level::Avx2 | Level::Avx512 => kernel.run::<Scalar>(),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn run_avx2<K: Kernel>(kernel: K) -> K::Output {
    kernel.run::<super::lanes::Avx2>()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw,avx2,fma")]
fn run_avx512<K: Kernel>(kernel: K) -> K::Output {
    kernel.run::<super::lanes::Avx512>()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Name;
    impl Kernel for Name {
        type Output = &'static str;
        #[inline(always)]
        fn run<S: Simd>(self) -> &'static str {
            S::NAME
        }
    }

    #[test]
    fn dispatch_runs_the_level_asked_for() {
        for level in Level::available() {
            assert_eq!(dispatch(level, Name), level.name());
        }
    }

    #[test]
    fn a_level_beyond_the_machine_falls_to_its_best() {
        assert_eq!(dispatch(Level::Avx512, Name), Level::detect().name());
    }

    #[test]
    fn the_override_wins_and_can_be_taken_back() {
        let before = Level::current();
        for level in Level::available() {
            Level::set_override(Some(level));
            assert_eq!(Level::current(), level);
        }
        Level::set_override(None);
        assert_eq!(Level::current(), before);
    }

    #[test]
    fn the_environment_is_validated() {
        assert_eq!(Level::choose(None), Ok(Level::detect()));
        assert_eq!(Level::choose(Some("scalar")), Ok(Level::Scalar));
        assert_eq!(Level::choose(Some("neon")), Err(LevelError::Unknown { got: "neon".into() }));
        for level in Level::ALL {
            let (got, best) = (level, Level::detect());
            let want = if got <= best { Ok(got) } else { Err(LevelError::Unavailable { got, best }) };
            assert_eq!(Level::choose(Some(level.name())), want);
        }
    }
}

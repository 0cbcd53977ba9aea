//! Exit codes: the one place that gives them their numbers.

use std::process::ExitCode;

/// How the program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// 0: done.
    Done,
    /// 1: a check or a comparison failed.
    Failed,
    /// 2: bad input: arguments, a case, a file that cannot be read or written.
    BadInput,
    /// 3: the run did not converge, or diverged.
    Diverged,
    /// 75: stopped early with a checkpoint; run the same command again to go on.
    Resume,
    /// 76: a rank fell silent or the network between ranks was lost; resume from the last checkpoint.
    Stalled,
    /// 128 + n: ended by signal n, with nothing to resume from.
    Signal(u8),
}

impl Exit {
    /// The number that a shell sees.
    pub fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::BadInput => 2,
            Exit::Diverged => 3,
            Exit::Resume => 75,
            Exit::Stalled => 76,
            Exit::Signal(number) => 128_u8.saturating_add(number),
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}

/// The table for `--help`.
pub const HELP: &str = "Exit codes:
  0      done
  1      a check or comparison failed
  2      bad input
  3      did not converge, or diverged
  75     checkpointed, resume me
  76     a rank fell silent, resume from the last checkpoint
  128+n  ended by signal n";

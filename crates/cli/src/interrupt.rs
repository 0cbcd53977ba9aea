//! What a signal does to a run: the first one asks it to stop, a second one of the impatient kind
//! ends the program at once.

use crate::exit::Exit;
use signal_hook::consts::{SIGINT, SIGTERM, SIGUSR1, SIGXFSZ};
use signal_hook::flag;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tessera_core::exec::comm::Communicator;

/// A request to stop, which a training loop polls between steps.
///
/// SIGINT and SIGTERM ask for it, and SIGUSR1, which Slurm sends before the time limit
/// (`#SBATCH --signal`). A second SIGINT or SIGTERM has its usual effect: the process ends by it.
#[derive(Clone, Debug)]
pub struct Interrupt {
    /// The signal that came last; 0 while none has.
    signal: Arc<AtomicUsize>,
}

impl Interrupt {
    /// Starts to catch signals. To be called once, and after `MPI_Init` where there is one.
    ///
    /// # Errors
    /// If the operating system refuses a handler.
    pub fn install() -> std::io::Result<Interrupt> {
        let signal = Arc::new(AtomicUsize::new(0));
        let stopping = Arc::new(AtomicBool::new(false));
        for number in [SIGINT, SIGTERM] {
            // In this order: the first signal finds `stopping` unset, and sets it.
            flag::register_conditional_default(number, Arc::clone(&stopping))?;
            flag::register(number, Arc::clone(&stopping))?;
        }
        for number in [SIGINT, SIGTERM, SIGUSR1] {
            flag::register_usize(number, Arc::clone(&signal), number.unsigned_abs() as usize)?;
        }
        // With a handler, a file that grows beyond a limit is a failed write, and not the end.
        flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false)))?;
        Ok(Interrupt { signal })
    }

    /// The signal that asked to stop, if one has.
    pub fn signal(&self) -> Option<u8> {
        match self.signal.load(Ordering::Relaxed) {
            0 => None,
            number => u8::try_from(number).ok(),
        }
    }

    /// Whether to stop after this step.
    pub fn requested(&self) -> bool {
        self.signal().is_some()
    }

    /// **Collective.** Whether to stop after this step, since a signal asked any rank to.
    pub fn agreed(&self, ranks: &dyn Communicator) -> bool {
        let signal = ranks.greatest(self.signal.load(Ordering::Relaxed) as u64);
        if signal > 0 {
            self.signal.store(signal as usize, Ordering::Relaxed);
        }
        signal > 0
    }

    /// How a run ends that has stopped: with a checkpoint written it can be resumed, whatever the
    /// signal was; otherwise the signal ended it.
    pub fn exit(&self, checkpointed: bool) -> Exit {
        match self.signal() {
            None => Exit::Done,
            Some(_) if checkpointed => Exit::Resume,
            Some(number) => Exit::Signal(number),
        }
    }
}

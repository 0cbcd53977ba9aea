//! The engine that a command runs graphs on, by its options.

use clap::{Args, ValueEnum};
use tessera_core::exec::Backend;
use tessera_core::exec::cpu::Options;
use tessera_dist::ranks::Ranks;

/// Which engine, and how many threads. No choice changes a bit.
#[derive(Clone, Debug, Args)]
pub struct Engine {
    /// The engine: the reference is the numerics law in slow, plain code
    #[arg(long, value_enum, default_value_t = Name::Cpu)]
    backend: Name,
    /// Threads of the CPU engine; 0 is one for each core
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u16).range(..=1024))]
    threads: u16,
}

/// An engine by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Name {
    Reference,
    Cpu,
}

impl Engine {
    /// The engine.
    pub fn backend(&self) -> Backend {
        match self.backend {
            Name::Reference => Backend::Reference,
            Name::Cpu => Backend::Cpu(Options { threads: usize::from(self.threads), ..Options::default() }),
        }
    }

    /// The same on one of `ranks`: unless a number of threads was asked for, those of a machine share its cores.
    pub fn on(&self, ranks: &Ranks) -> Engine {
        let threads = match self.threads {
            0 if ranks.communicator.size() > 1 => u16::try_from(ranks.threads()).unwrap_or(u16::MAX),
            threads => threads,
        };
        Engine { threads, ..self.clone() }
    }

    /// Its name, for provenance.
    pub fn name(&self) -> &'static str {
        match self.backend {
            Name::Reference => "reference",
            Name::Cpu => "cpu",
        }
    }

    /// The threads it runs on.
    pub fn threads(&self) -> usize {
        match (self.backend, self.threads) {
            (Name::Reference, _) => 1,
            (Name::Cpu, 0) => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            (Name::Cpu, n) => usize::from(n),
        }
    }
}

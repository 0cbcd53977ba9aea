//! The command line, and a file for each subcommand.

mod bisect;
mod check;
mod compare;
mod explain;
mod opt;
mod plot;
mod reproduce;
mod run;
mod show;
mod train;

use crate::exit::{self, Exit};
use crate::program::LoadError;
use clap::{ArgAction, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use std::io::Write as _;
use std::sync::Arc;
use tessera_core::diagnostic::Colour;
use tessera_core::exec::comm::Communicator;
use tessera_core::numerics::dispatch::Level;
use tracing_subscriber::EnvFilter;

/// Differentiable scientific computing whose results are the same bits everywhere.
#[derive(Debug, Parser)]
#[command(
    name = "tessera",
    version,
    propagate_version = true,
    subcommand_required = true,
    arg_required_else_help = true
)]
struct Arguments {
    /// Say more on stderr: -v what is done, -vv how; TESSERA_LOG has the last word
    #[arg(short, long, action = ArgAction::Count, global = true)]
    verbose: u8,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Check(check::Check),
    Opt(opt::Opt),
    Run(run::Run),
    Train(train::Train),
    Compare(compare::Compare),
    Reproduce(reproduce::Reproduce),
    Bisect(bisect::Bisect),
    Show(show::Show),
    Plot(plot::Plot),
    Explain(explain::Explain),
}

/// What a command has to say, and how it ends.
struct Report {
    /// For stdout.
    text: String,
    /// For stderr.
    problems: String,
    exit: Exit,
    /// Ranks that must not end before this one has spoken: when one ends with a code other than 0, the launcher kills the others.
    ranks: Option<Arc<dyn Communicator>>,
}

/// Why a command ended early.
type Error = Box<dyn std::error::Error + Send + Sync>;

impl Report {
    fn done(text: impl Into<String>) -> Report {
        Report { text: text.into(), problems: String::new(), exit: Exit::Done, ranks: None }
    }

    fn failed(error: &(dyn std::error::Error + Send + Sync + 'static)) -> Report {
        Report { problems: rendered(error) + "\n", exit: Exit::BadInput, ..Report::done("") }
    }

    /// **Collective**, if there are ranks. Says what there is to say.
    fn say(self) -> Exit {
        // Where stderr is closed, the exit code still tells.
        let _ = anstream::stderr().write_all(self.problems.as_bytes());
        let exit = match print(&self.text) {
            Ok(()) => self.exit,
            Err(error) => Report::failed(&*Error::from(error)).say(),
        };
        if let Some(ranks) = self.ranks {
            ranks.greatest(0);
        }
        exit
    }
}

/// Runs the program with the arguments of this process.
pub fn main() -> Exit {
    let command = Arguments::command().after_help(exit::HELP);
    let arguments = match command.try_get_matches().and_then(|matches| Arguments::from_arg_matches(&matches))
    {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are asked for; anything else is bad input.
            let exit = if error.use_stderr() { Exit::BadInput } else { Exit::Done };
            // Nothing can be said where both streams are closed.
            let _ = error.print();
            return exit;
        }
    };
    start_tracing(arguments.verbose);
    let result = Level::from_environment().map_err(Error::from).and_then(|_| match &arguments.command {
        Command::Check(command) => command.run(),
        Command::Opt(command) => command.run(),
        Command::Run(command) => command.run(),
        Command::Train(command) => command.run(),
        Command::Compare(command) => command.run(),
        Command::Reproduce(command) => command.run(),
        Command::Bisect(command) => command.run(),
        Command::Show(command) => command.run(),
        Command::Plot(command) => command.run(),
        Command::Explain(command) => command.run(),
    });
    result.unwrap_or_else(|error| Report::failed(&*error)).say()
}

/// An error for stderr, with the lines at fault where it is about a text.
fn rendered(error: &(dyn std::error::Error + Send + Sync + 'static)) -> String {
    if let Some(LoadError::Wrong(diagnostics)) = error.downcast_ref::<LoadError>() {
        return diagnostics.render(Colour::Always);
    }
    if let Some(diagnostics) = error.downcast_ref::<tessera_pinn::diagnostic::Diagnostics>() {
        return diagnostics.to_string();
    }
    format!("{BOLD_RED}error{RESET}: {error}")
}

/// Terminal codes; `anstream` drops them where they do not belong.
const BOLD_RED: &str = "\x1b[1;31m";
const BOLD_GREEN: &str = "\x1b[1;32m";
const BOLD: &str = "\x1b[1m";
const RESET: &str = "\x1b[0m";

/// Writes to stdout. A reader that has seen enough (`tessera show run.h5 | head`) is no error.
fn print(text: &str) -> Result<(), String> {
    let mut out = anstream::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(format!("cannot write to stdout: {error}"))
        }
        _ => Ok(()),
    }
}

/// Events go to stderr, coloured on a terminal unless NO_COLOR is set.
fn start_tracing(verbose: u8) {
    let level = match verbose {
        0 => "warn",
        1 => "info",
        2 => "debug",
        _ => "trace",
    };
    let filter = EnvFilter::try_from_env("TESSERA_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    let colours = anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(colours)
        .without_time()
        .with_target(false)
        .init();
}

/// `value` as indented JSON with a line's end.
fn json(value: &serde_json::Value) -> String {
    format!("{value:#}\n")
}

//! `tessera train`: a case to a run file.

use super::{BOLD, BOLD_RED, Error, RESET, Report};
use crate::backend::Engine;
use crate::exit::Exit;
use crate::file;
use crate::interrupt::Interrupt;
use crate::progress::Progress;
use crate::run_file::{self, Context, Start};
use clap::{Args, ValueEnum};
use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tessera_core::tensor::Data;
use tessera_dist::Checkpoint;
use tessera_dist::checkpoint::{KEEP, Outcome, kept_paths, remove_leftovers, write_keeping};
use tessera_dist::ranks::{self, Ranks, Stall};
use tessera_pinn::case::{Case, KEEP_MAX, Optimiser};
use tessera_pinn::trainer::{Diverged, Solved, Trainer};

const BOLD_YELLOW: &str = "\x1b[1;33m";

/// Train a physics-informed network on a case, and keep all of it in a run file
///
/// The run file is replaced whole, every so many steps (`[checkpoint] every` of the case), at the
/// end, and when SIGINT, SIGTERM or SIGUSR1 asks to stop; the good file before it stays as
/// RUN.h5.previous, those before that, if more are kept, as RUN.h5.previous.2 and so on. A run that
/// was stopped anywhere, even by SIGKILL, and resumed ends with the bits of a run that was not, on
/// any number of threads.
///
/// Under `mpirun` or `srun` the processes share the points, and the run file is that of one process,
/// bit for bit; unless --threads says otherwise, they share the cores of their machine.
///
/// A checkpoint that cannot be written (a full disk) is no reason to stop, unless --on-failed-write
/// says so: training goes on with a warning, the last good file stays, and the next checkpoint
/// tries again. Only if the last one fails does the command fail.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tessera train cases/burgers.toml --out burgers.h5
  tessera train cases/burgers.toml --out burgers.h5 --resume auto
  tessera train cases/burgers.toml --out burgers.h5 --steps 500 --threads 1
  mpirun -n 4 tessera train cases/burgers.toml --out burgers.h5
  tessera train cases/burgers.toml --out burgers.h5 --keep 5 --on-failed-write stop

Exit code 0 if done, 2 for bad input, 3 if the loss ceased to be finite (the last good file stays),
75 if a signal stopped it and it can be resumed, 76 if a rank fell silent or the network between
ranks was lost.")]
pub struct Train {
    /// The case file
    case: PathBuf,
    /// The run file
    #[arg(long, value_name = "RUN.h5")]
    out: PathBuf,
    /// Go on: `auto` from the run file if there is one, or from another run of the same case
    #[arg(long, value_name = "auto|RUN.h5", conflicts_with = "overwrite")]
    resume: Option<String>,
    /// Begin anew where there is a run file; it is kept as RUN.h5.previous
    #[arg(long)]
    overwrite: bool,
    /// Good files to keep before the newest [default: `[checkpoint] keep` of the case, or else 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(..=i64::from(KEEP_MAX)))]
    keep: Option<u32>,
    /// What to do when a checkpoint cannot be written
    #[arg(long, value_enum, default_value_t = OnFailedWrite::Continue)]
    on_failed_write: OnFailedWrite,
    /// With several ranks: end them, with exit code 76, when one is silent, or none reaches another, for so long
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..))]
    patience: u32,
    /// Stop when so many steps are done in all
    #[arg(long, value_name = "N")]
    steps: Option<u64>,
    #[command(flatten)]
    engine: Engine,
    /// Show no progress
    #[arg(short, long)]
    quiet: bool,
}

/// What a checkpoint that cannot be written does to the training.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum OnFailedWrite {
    /// Warn, and try again at the next checkpoint
    Continue,
    /// Stop; the last good file stays
    Stop,
}

impl Train {
    pub(super) fn run(&self) -> Result<Report, Error> {
        let ranks = self.watched(ranks::start()?);
        // Behind MPI's own handlers.
        let interrupt = Interrupt::install()?;
        let report = self.on(&ranks, &interrupt).unwrap_or_else(|error| Report::failed(&*error));
        Ok(Report { ranks: Some(ranks.communicator), ..report })
    }

    /// **Collective.** Trains on `ranks`.
    fn on(&self, ranks: &Ranks, interrupt: &Interrupt) -> Result<Report, Error> {
        let session = self.session(ranks);
        // A rank that failed would leave the others waiting: all learn of it, and the lowest one says why.
        let [rank, size] = [ranks.communicator.rank(), ranks.communicator.size()];
        let mine = if session.is_err() { (size - rank) as u64 } else { 0 };
        let failed = ranks.communicator.greatest(mine);
        match session {
            Ok(session) if failed == 0 => session.train(interrupt),
            Err(error) if failed == mine && rank == 0 => Err(error),
            Err(error) if failed == mine => Err(format!("[rank {rank}/{size}] {error}").into()),
            _ => Ok(Report { exit: Exit::BadInput, ..Report::done("") }),
        }
    }

    /// **Collective.** `ranks`, if there are several, under a watchdog that ends all of them when one falls silent.
    fn watched(&self, ranks: Ranks) -> Ranks {
        let [rank, size] = [ranks.communicator.rank(), ranks.communicator.size()];
        if size == 1 {
            return ranks;
        }
        let mut name = OsString::from(".");
        name.push(self.out.file_name().unwrap_or_default());
        name.push(".ranks");
        let beats = file::folder_of(&self.out).join(name);
        let end = move |stall: &Stall, speaks: bool| {
            if speaks {
                // Where stderr is closed, the exit code still tells.
                let _ = writeln!(
                    anstream::stderr(),
                    "{BOLD_RED}error{RESET}: [rank {rank}/{size}] {stall}\nhelp: all ranks end; go on from the last checkpoint by --resume auto"
                );
            }
            // MPI is waiting, and must not be asked to end in order.
            signal_hook::low_level::exit(Exit::Stalled.code().into());
        };
        let patience = Duration::from_secs(self.patience.into());
        match ranks::watch(ranks.communicator.clone(), &beats, patience, end) {
            Ok(communicator) => Ranks { communicator, ..ranks },
            Err(error) => {
                tracing::warn!("ranks are not watched: cannot write to {}: {error}", beats.display());
                ranks
            }
        }
    }

    /// A training before its first step here.
    fn session(&self, ranks: &Ranks) -> Result<Session<'_>, Error> {
        let began = Instant::now();
        let is_writer = ranks.communicator.rank() == 0;
        let engine = self.engine.on(ranks);
        let name = self.case.display().to_string();
        let text =
            std::fs::read_to_string(&self.case).map_err(|error| format!("cannot read {name}: {error}"))?;
        let case = Case::parse(&name, &text)?;
        file::check_writable(&self.out)?;
        if is_writer {
            remove_leftovers(&self.out)
                .map_err(|error| format!("cannot tidy beside {}: {error}", self.out.display()))?;
        }
        let start = self.start()?;
        let trainer = self.trainer(&case, start.as_ref(), &text, &engine, ranks)?;
        let stages = case.optimisers.iter().map(kind).collect();
        let total = trainer.total_steps().min(self.steps.unwrap_or(u64::MAX));
        let progress = Progress::new(total, trainer.steps(), stages, self.quiet || !is_writer);
        if let Some(start) = start.as_ref().filter(|_| is_writer) {
            for warning in &start.warnings {
                progress.warn(&format!("{BOLD_YELLOW}warning{RESET}: {warning}"));
            }
            progress.say(&format!("going on from step {} of {}", trainer.steps(), start.path.display()));
        }
        let context = Context { case: text, program: run_file::program_text(&trainer), engine };
        run_file::check_names(&trainer, &context)?;
        let in_place = start.as_ref().filter(|start| start.path == self.out);
        Ok(Session {
            saved: in_place.map(|start| start.checkpoint.header.step),
            has_solution: in_place.is_some_and(|start| run_file::has_solution(&start.checkpoint)),
            wall_before: start.as_ref().map_or(0.0, |start| run_file::wall_seconds(&start.checkpoint)),
            out: &self.out,
            keep: self.keep.or(case.checkpoints.keep).unwrap_or(KEEP),
            on_failed_write: self.on_failed_write,
            limit: total,
            trainer,
            context,
            progress,
            began,
            is_writer,
        })
    }

    /// From where to begin.
    fn start(&self) -> Result<Option<Start>, Error> {
        match self.resume.as_deref() {
            Some("auto") => Ok(run_file::find(&self.out)?),
            Some(path) => Ok(Some(run_file::open(Path::new(path))?)),
            None if self.out.exists() && !self.overwrite => Err(format!(
                "cannot begin a run in {out}: the file exists\n\
                 help: go on with it by --resume auto, or begin anew by --overwrite",
                out = self.out.display()
            )
            .into()),
            None => Ok(None),
        }
    }

    fn trainer(
        &self,
        case: &Case,
        start: Option<&Start>,
        text: &str,
        engine: &Engine,
        ranks: &Ranks,
    ) -> Result<Trainer, Error> {
        let folder = file::folder_of(&self.case);
        let cannot = |error| format!("cannot train {}: {error}", self.case.display());
        let new = || Trainer::over(case, folder, engine.backend(), ranks.communicator.clone());
        let Some(start) = start else {
            return Ok(new().map_err(cannot)?);
        };
        run_file::check_case(start, text)?;
        let state = run_file::state(&start.checkpoint);
        let mut trainer = new().map_err(cannot)?;
        trainer.restore(&state).map_err(cannot)?;
        run_file::check_observations(start, &trainer)?;
        Ok(trainer)
    }
}

fn kind(stage: &Optimiser) -> &'static str {
    match stage {
        Optimiser::Adam { .. } => "adam",
        Optimiser::Lbfgs { .. } => "lbfgs",
    }
}

/// A training under way.
struct Session<'a> {
    trainer: Trainer,
    context: Context,
    out: &'a Path,
    /// Good files to keep before the newest.
    keep: u32,
    on_failed_write: OnFailedWrite,
    /// Steps in all after which to stop.
    limit: u64,
    /// The step that the file at `out` has reached.
    saved: Option<u64>,
    /// Whether that file holds the solution.
    has_solution: bool,
    progress: Progress,
    began: Instant,
    /// Seconds that earlier sessions took.
    wall_before: f64,
    /// Whether this rank writes the file and speaks: one of them does.
    is_writer: bool,
}

impl Session<'_> {
    fn train(mut self, interrupt: &Interrupt) -> Result<Report, Error> {
        let every = self.trainer.case().checkpoints.every;
        let mut first = true;
        while !self.is_over() {
            if interrupt.agreed(self.trainer.loss().ranks()) {
                return Ok(self.interrupted(interrupt));
            }
            let report = match self.trainer.step() {
                Ok(report) => report,
                Err(diverged) => return Ok(self.diverged(&diverged)),
            };
            if std::mem::take(&mut first) {
                tracing::info!("first step after {:.3} s", self.began.elapsed().as_secs_f64());
            }
            self.progress.step(&report);
            let is_due = report.step.is_multiple_of(every) && !self.is_over();
            if is_due && let Some(report) = self.save_on_the_way()? {
                return Ok(report);
            }
        }
        self.finish()
    }

    fn is_over(&self) -> bool {
        self.trainer.is_done() || self.trainer.steps() >= self.limit
    }

    fn wall_seconds(&self) -> f64 {
        self.wall_before + self.began.elapsed().as_secs_f64()
    }

    /// Writes the run file; for the rank that does.
    fn save(&mut self, solved: Option<&Solved>) -> Result<Checkpoint, String> {
        let checkpoint = run_file::checkpoint(&self.trainer, &self.context, solved, self.wall_seconds());
        let outcome = write_keeping(self.out, &checkpoint, self.keep).map_err(|error| error.to_string())?;
        if let Outcome::Moved(path) = outcome {
            let (out, path) = (self.out.display(), path.display());
            let warning = format!("{out} was no good run file any more, and is now {path}");
            self.progress.warn(&format!("{BOLD_YELLOW}warning{RESET}: {warning}"));
        }
        self.saved = Some(self.trainer.steps());
        self.has_solution = solved.is_some();
        tracing::debug!("wrote step {} to {}", self.trainer.steps(), self.out.display());
        Ok(checkpoint)
    }

    /// **Collective.** Writes a checkpoint between two steps. Where that failed and is to stop the training, it is the
    /// writer's error, and the others end silently.
    fn save_on_the_way(&mut self) -> Result<Option<Report>, String> {
        let saved = if self.is_writer { self.save(None).map(drop) } else { Ok(()) };
        let stops = self.on_failed_write == OnFailedWrite::Stop
            && self.trainer.loss().ranks().greatest(u64::from(saved.is_err())) > 0;
        let Err(error) = saved else {
            return Ok(stops.then(|| Report { exit: Exit::BadInput, ..Report::done("") }));
        };
        let kept = self.kept();
        if stops {
            self.progress.finish();
            let step = self.trainer.steps();
            return Err(format!(
                "{error}\nhelp: stopped after step {step} as --on-failed-write asks; {kept}"
            ));
        }
        let warning = format!("{error}; training goes on, {kept}, and the next checkpoint tries again");
        self.progress.warn(&format!("{BOLD_YELLOW}warning{RESET}: {warning}"));
        Ok(None)
    }

    /// What there is to go on from.
    fn kept(&self) -> String {
        match self.saved {
            Some(step) => format!("{} stays as it was at step {step}", self.out.display()),
            None => "no checkpoint was written yet".to_owned(),
        }
    }

    /// A signal asked to stop.
    fn interrupted(mut self, interrupt: &Interrupt) -> Report {
        if !self.is_writer {
            return Report { exit: interrupt.exit(true), ..Report::done("") };
        }
        let saved = match self.saved == Some(self.trainer.steps()) {
            true => Ok(()),
            false => self.save(None).map(drop),
        };
        self.progress.finish();
        let step = self.trainer.steps();
        let problems = match &saved {
            Ok(()) => format!(
                "stopped by signal {} after step {step} of {}; go on with --resume auto\n",
                interrupt.signal().unwrap_or(0),
                self.trainer.total_steps(),
            ),
            Err(error) => format!("{BOLD_RED}error{RESET}: {error}; {}\n", self.kept()),
        };
        Report { problems, exit: interrupt.exit(saved.is_ok()), ..Report::done("") }
    }

    /// The loss is not finite any more.
    fn diverged(self, diverged: &Diverged) -> Report {
        if !self.is_writer {
            return Report { exit: Exit::Diverged, ..Report::done("") };
        }
        self.progress.finish();
        let problems =
            format!("{BOLD_RED}error{RESET}: training diverged: {diverged}\nhelp: {}\n", self.kept());
        Report { problems, exit: Exit::Diverged, ..Report::done("") }
    }

    /// All asked for is done.
    fn finish(mut self) -> Result<Report, Error> {
        if !self.is_writer {
            return Ok(Report::done(""));
        }
        let solved = self.trainer.solution();
        let checkpoint = match self.saved == Some(self.trainer.steps()) && self.has_solution {
            // The file is this run at this step; writing it again would only change its date.
            true => run_file::checkpoint(&self.trainer, &self.context, Some(&solved), self.wall_seconds()),
            false => self.save(Some(&solved)).map_err(|error| format!("{error}; {}", self.kept()))?,
        };
        self.progress.finish();
        Ok(Report::done(self.summary(&checkpoint, &solved)))
    }

    fn summary(&self, checkpoint: &Checkpoint, solved: &Solved) -> String {
        let case = self.trainer.case();
        let mut text = format!("{BOLD}{}{RESET}\n", case.title);
        // Writing to a string cannot fail.
        let mut row = |name: &str, value: String| {
            let _ = writeln!(text, "  {name:<22} {value}");
        };
        let stages = case.optimisers.iter().zip(self.trainer.ends());
        let ends: Vec<String> =
            stages.map(|(stage, end)| format!("{}: {}", kind(stage), end.name())).collect();
        let left = if self.trainer.is_done() {
            format!(" ({})", ends.join(", "))
        } else {
            format!(" of {}; go on with --resume auto", self.trainer.total_steps())
        };
        row("steps", format!("{}{left}", self.trainer.steps()));
        if let Some(Data::F64(losses)) = checkpoint.datasets.get("history/total").map(|t| t.data())
            && let Some(loss) = losses.last()
        {
            row("loss", format!("{loss:.3e}"));
        }
        for (unknown, error) in solved.relative_l2() {
            row(&format!("relative L2 error of {unknown}"), format!("{error:.3e}"));
        }
        for (name, value, truth) in self.trainer.parameters() {
            let truth = truth.map_or(String::new(), |truth| format!(" (true: {truth})"));
            row(&name, format!("{value:.6}{truth}"));
        }
        let wall = checkpoint.provenance.entries.get("wallSeconds");
        row("wall time", wall.map_or(String::new(), |wall| seconds(&wall.to_string())));
        row("digest", format!("sha256:{}", checkpoint.digest()));
        let kept = match kept_paths(self.out).unwrap_or_default().as_slice() {
            [] => String::new(),
            [one] => format!(", before it {}", one.display()),
            [newest, .., oldest] => format!(", before it {} … {}", newest.display(), oldest.display()),
        };
        row("run file", format!("{}{kept}", self.out.display()));
        text
    }
}

fn seconds(text: &str) -> String {
    text.parse::<f64>().map_or(String::new(), |seconds| format!("{seconds:.1} s"))
}

//! `tessera reproduce`: the field's tests of reproducibility on a case.

use super::{BOLD, BOLD_GREEN, BOLD_RED, Error, RESET, Report};
use crate::exit::Exit;
use crate::file;
use clap::Args;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tessera_dist::Checkpoint;
use tessera_dist::checkpoint::{read, write};

/// Whether this program can run on several ranks.
const HAS_RANKS: bool = cfg!(feature = "mpi");

/// Run the tests of reproducibility that climate models are ported with, on any case
///
/// Each trains the case again in another way, in processes of its own, and compares all bits of the
/// run file with those of the first run. The names are CIME's:
///
///   REP  the same run twice
///   ERS  stopped half-way, and resumed from its file
///   ERP  the same, resumed with half the ranks and half the threads
///   PEM  half the ranks
///   PET  one thread
///   PEA  one process without MPI against one rank of MPI
///   DEV  the CPU against a device
///
/// The record is the first run's own file, so that another site's record is compared with it by
/// `tessera compare`, and searched for the first difference by `tessera bisect`. What the tests
/// found stands in its provenance.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "Examples:
  tessera reproduce cases/burgers.toml --steps 40 --out here.h5
  tessera reproduce cases/burgers.toml --steps 40 --threads 8 --ranks 4 --out here.h5
  tessera compare here.h5 there.h5

Exit code 0 if every test that was run passed, 1 if one failed, 2 for bad input."
)]
pub struct Reproduce {
    /// The case file
    case: PathBuf,
    /// Steps of each run
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u64).range(2..))]
    steps: u64,
    /// Threads of each rank, where a test does not ask for fewer
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: u16,
    /// Ranks, where a test does not ask for fewer; more than one needs a program built with MPI
    #[arg(long, value_name = "K", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    ranks: u16,
    /// What starts ranks; `-n K` is added
    #[arg(long, value_name = "COMMAND", default_value = "mpirun")]
    launcher: String,
    /// The record
    #[arg(long, value_name = "RECORD.h5")]
    out: PathBuf,
    /// The program that trains, in place of this one: for comparing two builds
    #[arg(long, value_name = "TESSERA")]
    program: Option<PathBuf>,
    /// Show no progress
    #[arg(short, long)]
    quiet: bool,
}

/// How a process, or a group of ranks, trains.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Way {
    /// `None`: one process without MPI.
    ranks: Option<u16>,
    threads: u16,
}

/// One test: the ways in which the run is done, the last one to the end and those before it to
/// equal parts of the way.
struct Test {
    name: &'static str,
    /// What is done, or why the test cannot be.
    plan: Result<(String, Vec<Way>), &'static str>,
}

/// What became of a test.
struct Outcome {
    name: &'static str,
    /// `PASS`, `FAIL`, or `–` for a test that was not run.
    verdict: &'static str,
    /// The digest of its run, where there is one.
    digest: Option<String>,
    /// What was done, or what is wrong.
    said: String,
}

impl Reproduce {
    pub(super) fn run(&self) -> Result<Report, Error> {
        if self.ranks > 1 && !HAS_RANKS {
            return Err(format!(
                "--ranks must be 1 in a program without MPI, got {}\nhelp: build it with `--features mpi`, as `make build` does",
                self.ranks
            )
            .into());
        }
        file::check_writable(&self.out)?;
        let folder = tempfile::Builder::new().prefix("tessera-reproduce.").tempdir()?;
        let base = self.base();
        self.say(&format!("base: {}", described(base)));
        let record = self.trained(folder.path(), "base", &[base])?;
        let wanted = record.digest();
        let mut outcomes = Vec::new();
        for test in self.tests() {
            outcomes.push(self.outcome(folder.path(), test, &wanted));
        }
        let failed = outcomes.iter().any(|outcome| outcome.verdict == "FAIL");
        self.keep_record(record, &outcomes)?;
        let mut text = self.table(&wanted, base, &outcomes);
        if failed {
            let kept = folder.keep();
            let _ = writeln!(
                text,
                "\nhelp: the runs are kept in {0}; find the first difference by\n  tessera bisect {0}/base.h5 {0}/{1}.h5 --data {2}",
                kept.display(),
                outcomes.iter().find(|o| o.verdict == "FAIL").map_or("", |o| o.name),
                file::folder_of(&self.case).display(),
            );
        }
        Ok(Report { exit: if failed { Exit::Failed } else { Exit::Done }, ..Report::done(text) })
    }

    /// The way of the first run.
    fn base(&self) -> Way {
        Way { ranks: (self.ranks > 1).then_some(self.ranks), threads: self.threads }
    }

    fn tests(&self) -> Vec<Test> {
        let base = self.base();
        let Way { ranks, threads } = base;
        let halved = Way { ranks: ranks.map(|k| k.div_ceil(2)), threads: threads.div_ceil(2) };
        let with = |words: &str, ways: Vec<Way>| {
            Ok((words.replace("{}", &ways.last().map_or(String::new(), |&way| described(way))), ways))
        };
        let fewer_ranks = Way { ranks: halved.ranks, threads };
        let one_thread = Way { ranks, threads: 1 };
        let (without, one_rank) = (Way { ranks: None, threads }, Way { ranks: Some(1), threads });
        vec![
            Test { name: "REP", plan: with("the same again", vec![base]) },
            Test { name: "ERS", plan: with("stopped half-way and resumed", vec![base, base]) },
            Test {
                name: "ERP",
                plan: match halved == base {
                    true => Err("one rank of one thread cannot be halved"),
                    false => with("stopped half-way and resumed on {}", vec![base, halved]),
                },
            },
            Test {
                name: "PEM",
                plan: match (HAS_RANKS, ranks) {
                    (false, _) => Err("this program was built without MPI"),
                    (true, None) => Err("one rank cannot be halved; ask for more by --ranks"),
                    (true, Some(_)) => with("{}", vec![fewer_ranks]),
                },
            },
            Test {
                name: "PET",
                plan: match threads {
                    1 => Err("the first run had one thread already"),
                    _ => with("{}", vec![one_thread]),
                },
            },
            Test {
                name: "PEA",
                plan: match HAS_RANKS {
                    false => Err("this program was built without MPI"),
                    // The one that the first run was not.
                    true => with("{}", vec![if ranks.is_none() { one_rank } else { without }]),
                },
            },
            Test { name: "DEV", plan: Err("no device here") },
        ]
    }

    fn outcome(&self, folder: &Path, test: Test, wanted: &str) -> Outcome {
        let Test { name, plan } = test;
        let (said, ways) = match plan {
            Ok(plan) => plan,
            Err(why) => {
                return Outcome { name, verdict: "–", digest: None, said: format!("not run: {why}") };
            }
        };
        self.say(&format!("{name}: {said}"));
        match self.trained(folder, name, &ways) {
            Ok(run) => {
                let digest = run.digest();
                let verdict = if digest == wanted { "PASS" } else { "FAIL" };
                Outcome { name, verdict, digest: Some(digest), said }
            }
            Err(error) => Outcome { name, verdict: "FAIL", digest: None, said: error.to_string() },
        }
    }

    /// Trains the case in `ways`, one after the other, and reads what came of it.
    fn trained(&self, folder: &Path, name: &str, ways: &[Way]) -> Result<Checkpoint, Error> {
        let out = folder.join(format!("{name}.h5"));
        for (part, &way) in (1_u64..).zip(ways) {
            let steps = self.steps * part / ways.len() as u64;
            let mut command = self.command(way)?;
            command.arg("train").arg(&self.case).arg("--out").arg(&out).args(["--quiet", "--resume", "auto"]);
            command.args(["--steps", &steps.to_string(), "--threads", &way.threads.to_string()]);
            let words = format!("{command:?}");
            let output = command
                .stdin(Stdio::null())
                .output()
                .map_err(|error| format!("cannot start {words}: {error}"))?;
            if !output.status.success() {
                let said = String::from_utf8_lossy(&output.stderr);
                return Err(format!("{words} ended with {}: {}", output.status, said.trim_end()).into());
            }
        }
        Ok(read(&out)?)
    }

    /// The beginning of the command that trains so.
    fn command(&self, way: Way) -> Result<Command, Error> {
        let program = match &self.program {
            Some(program) => program.clone(),
            None => std::env::current_exe()?,
        };
        let Some(ranks) = way.ranks else { return Ok(Command::new(program)) };
        let mut words = self.launcher.split_whitespace();
        let mut command = Command::new(words.next().ok_or("--launcher must name a command")?);
        command.args(words).args(["-n", &ranks.to_string()]).arg(program);
        Ok(command)
    }

    /// Writes the first run, with what the tests found as provenance.
    fn keep_record(&self, mut record: Checkpoint, outcomes: &[Outcome]) -> Result<(), Error> {
        for Outcome { name, verdict, digest, said } in outcomes {
            let digest = digest.as_deref().unwrap_or("none");
            let entry = format!("{verdict}, digest {digest}: {said}");
            record.provenance.entries.insert(format!("reproduce.{name}"), entry.replace('\0', "").into());
        }
        write(&self.out, &record)?;
        Ok(())
    }

    fn table(&self, wanted: &str, base: Way, outcomes: &[Outcome]) -> String {
        let mut text = format!("{BOLD}{}{RESET}, {} steps\n\n", self.case.display(), self.steps);
        let short = |digest: &str| digest.chars().take(16).collect::<String>();
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  test  result  digest            what was done");
        let _ = writeln!(text, "  base          {}  {}", short(wanted), described(base));
        for Outcome { name, verdict, digest, said } in outcomes {
            let colour = match *verdict {
                "PASS" => BOLD_GREEN,
                "FAIL" => BOLD_RED,
                _ => "",
            };
            let digest = digest.as_deref().map_or(String::new(), short);
            let _ = writeln!(text, "  {name}   {colour}{verdict:<4}{RESET}    {digest:<16}  {said}");
        }
        let _ = writeln!(text, "\n  digest  sha256:{wanted}\n  record  {}", self.out.display());
        text
    }

    fn say(&self, line: &str) {
        if !self.quiet {
            // Where stderr is closed, nobody listens.
            let _ = std::io::Write::write_fmt(&mut anstream::stderr(), format_args!("{line}\n"));
        }
    }
}

/// A way in words.
fn described(Way { ranks, threads }: Way) -> String {
    let threads = if threads == 1 { "1 thread".to_owned() } else { format!("{threads} threads") };
    match ranks {
        None => format!("{threads}, no MPI"),
        Some(1) => format!("1 rank of {threads}"),
        Some(ranks) => format!("{ranks} ranks of {threads} each"),
    }
}

//! `tessera bisect`: where two runs of a case part.

use super::{BOLD, BOLD_GREEN, BOLD_RED, Error, RESET, Report};
use crate::backend::Engine;
use crate::exit::Exit;
use crate::progress::Progress;
use crate::run_file::{self, Start};
use clap::Args;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use tessera_core::exec::{Backend, Function, find_difference};
use tessera_core::{Tensor, Type};
use tessera_dist::checkpoint::{NUMERICS_VERSION, kept_paths, read};
use tessera_dist::compare::{compare_tensors, hex_float};
use tessera_dist::{Checkpoint, compare};
use tessera_pinn::case::Case;
use tessera_pinn::trainer::Trainer;

/// Find the first step at which two runs of a case differ, and what differs in it
///
/// A run file notes losses, norms and a fingerprint of the weights at every step (at every k-th of a
/// training of more than 5000). The first row that differs bounds the step. It is then trained again here, from
/// the nearest good file among the two and those kept before them, or from the beginning: that
/// tells which of the two is right. Every operation of the step is computed by the engine and by the
/// reference, and, where a file holds other weights for the same step, from those too; the first
/// operation and element that differ are named.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tessera bisect here.h5 there.h5
  tessera bisect here.h5 there.h5 --data cases   # the case has [[data]], whose files are in cases/

Exit code 0 if the runs do not differ as far as both went, 1 if they do, 2 if they cannot be compared.")]
pub struct Bisect {
    /// One run file
    left: PathBuf,
    /// The other, of the same case
    right: PathBuf,
    /// The folder of the case file, for files of [[data]]
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    data: PathBuf,
    #[command(flatten)]
    engine: Engine,
    /// Show no progress
    #[arg(short, long)]
    quiet: bool,
}

impl Bisect {
    pub(super) fn run(&self) -> Result<Report, Error> {
        let sides = [Side::read(&self.left)?, Side::read(&self.right)?];
        comparable(&sides)?;
        let name = format!("the case in {}", self.left.display());
        let case = Case::parse(&name, &sides[0].checkpoint.header.case)?;
        let search =
            Search { case, folder: &self.data, backend: self.engine.backend(), quiet: self.quiet, sides };
        match search.first_row() {
            None => search.without_row(),
            Some(row) => search.with_row(&row),
        }
    }
}

/// A run file that is asked about, or one kept before it.
struct Side {
    path: PathBuf,
    checkpoint: Checkpoint,
}

impl Side {
    fn read(path: &Path) -> Result<Side, Error> {
        Ok(Side { path: path.to_owned(), checkpoint: read(path)? })
    }

    fn step(&self) -> u64 {
        self.checkpoint.header.step
    }

    /// The steps whose rows it has noted.
    fn noted(&self) -> &[u64] {
        self.checkpoint.datasets.get("history/step").map_or(&[], |steps| steps.values::<u64>())
    }

    /// The columns of its history.
    fn columns(&self) -> impl Iterator<Item = (&String, &Tensor)> {
        let noted = ["history/", "convergence/"];
        self.checkpoint.datasets.iter().filter(move |(path, _)| noted.iter().any(|n| path.starts_with(n)))
    }
}

/// That two files are runs of one case under one numerics law.
fn comparable([a, b]: &[Side; 2]) -> Result<(), Error> {
    let cannot = |what: String| -> Error {
        format!("cannot bisect {} and {}: {what}", a.path.display(), b.path.display()).into()
    };
    let (left, right) = (&a.checkpoint.header, &b.checkpoint.header);
    if left.numerics_version != NUMERICS_VERSION || right.numerics_version != NUMERICS_VERSION {
        let (left, right) = (left.numerics_version, right.numerics_version);
        return Err(cannot(format!(
            "both must be of numerics version {NUMERICS_VERSION}, got {left} and {right}"
        )));
    }
    if left.case != right.case {
        return Err(cannot(
            "both must be runs of the same case; `tessera compare` shows how the cases differ".to_owned(),
        ));
    }
    Ok(())
}

/// The first row of the histories that differs.
struct Row {
    /// Its position.
    index: usize,
    /// Its step, the same in both.
    step: u64,
    /// The step of the row before it, which both have; 0 if there is none.
    before: u64,
    /// For each column that differs, its name and both values.
    columns: Vec<(String, [String; 2])>,
}

struct Search<'a> {
    case: Case,
    folder: &'a Path,
    backend: Backend,
    quiet: bool,
    sides: [Side; 2],
}

impl Search<'_> {
    fn first_row(&self) -> Option<Row> {
        let [a, b] = &self.sides;
        let pairs = a.noted().iter().zip(b.noted()).enumerate();
        pairs.take_while(|(_, (left, right))| left == right).find_map(|(index, (&step, _))| {
            let differs = |(path, column): (&String, &Tensor)| {
                let other = b.checkpoint.datasets.get(path)?;
                let (left, right) = (column.rows(index..index + 1), other.rows(index..index + 1));
                (!left.same_bits(&right)).then(|| (path.clone(), [shown(&left), shown(&right)]))
            };
            let columns: Vec<_> = a.columns().filter_map(differs).collect();
            let before = if index == 0 { 0 } else { a.noted()[index - 1] };
            (!columns.is_empty()).then_some(Row { index, step, before, columns })
        })
    }

    /// What there is to say where all rows that both have are the same.
    fn without_row(&self) -> Result<Report, Error> {
        let [a, b] = &self.sides;
        let comparison = compare(&a.checkpoint, &b.checkpoint);
        if comparison.is_equal() {
            return Ok(Report::done(format!(
                "{BOLD_GREEN}equal{RESET}, bit for bit, at step {}\n",
                a.step()
            )));
        }
        let mut text = String::new();
        for side in &self.sides {
            text.extend(self.altered(side)?);
        }
        let common = a.step().min(b.step());
        if text.is_empty() && a.step() != b.step() {
            let same = format!(
                "the same up to step {common}, where one of them ends (steps {} and {})",
                a.step(),
                b.step()
            );
            return Ok(Report::done(format!("{BOLD_GREEN}no difference{RESET}: {same}\n")));
        }
        let said = format!(
            "{BOLD_RED}different{RESET}, but not in what their histories note up to step {common}\n{text}"
        );
        let text = if a.step() == b.step() { format!("{said}{comparison}") } else { said };
        Ok(Report { exit: Exit::Failed, ..Report::done(text) })
    }

    /// What there is to say about the first row that differs.
    fn with_row(&self, row: &Row) -> Result<Report, Error> {
        let mut text = if row.step == row.before + 1 {
            format!("{BOLD_RED}different{RESET}, first at {BOLD}step {}{RESET}\n", row.step)
        } else {
            format!("{BOLD_RED}different{RESET}, first at a step from {} to {}\n", row.before + 1, row.step)
        };
        for (path, [left, right]) in &row.columns {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "  {path}: {left} against {right}");
        }
        text.push_str(&self.replay(row)?);
        Ok(Report { exit: Exit::Failed, ..Report::done(text) })
    }

    /// Trains the step again and says what was found.
    fn replay(&self, row: &Row) -> Result<String, Error> {
        let mut text = String::new();
        let files = self.files();
        let mut start: Option<&Side> = None;
        for file in &files {
            match self.altered(file)? {
                Some(altered) => text.push_str(&altered),
                None if file.step() <= row.before && start.is_none_or(|s| s.step() < file.step()) => {
                    start = Some(file)
                }
                None => {}
            }
        }
        let mut trainer = match start {
            Some(file) => self.trainer(file)?,
            None => Trainer::new(&self.case, self.folder, self.backend.clone())?,
        };
        let from = start
            .map_or("the beginning".to_owned(), |s| format!("step {} of {}", s.step(), s.path.display()));
        let mut bar = Progress::new(row.step, trainer.steps(), Vec::new(), self.quiet);
        while trainer.steps() < row.step {
            if trainer.steps() >= row.before {
                text.push_str(&self.examined(&trainer, &files)?);
            }
            match trainer.step() {
                Ok(report) => bar.step(&report),
                Err(diverged) => {
                    bar.finish();
                    let _ = writeln!(text, "  trained again here from {from}: {diverged}");
                    return Ok(text);
                }
            }
        }
        bar.finish();
        let here = trainer.state();
        let agrees = self.sides.iter().map(|side| {
            side.columns().all(|(path, column)| {
                let here = here.tensors.get(path).filter(|here| here.len() > row.index);
                here.is_some_and(|here| {
                    here.rows(row.index..row.index + 1).same_bits(&column.rows(row.index..row.index + 1))
                })
            })
        });
        let verdict = match agrees.collect::<Vec<bool>>()[..] {
            [true, _] => format!("it is that of {}", self.sides[0].path.display()),
            [_, true] => format!("it is that of {}", self.sides[1].path.display()),
            _ => "it is that of neither: this machine or release gives a third".to_owned(),
        };
        let _ = writeln!(text, "  step {} trained again here from {from}: {BOLD}{verdict}{RESET}", row.step);
        for file in files.iter().filter(|file| file.step() == row.step) {
            let differs = |(path, here): (&String, &Tensor)| {
                compare_tensors(path, here, file.checkpoint.datasets.get(path)?)
            };
            if let Some(first) = here.tensors.iter().find_map(differs) {
                let _ =
                    writeln!(text, "  after it, {} has other values than here: {first}", file.path.display());
            }
        }
        Ok(text)
    }

    /// The operations of the next step: by engine and reference, and from other weights for this step.
    fn examined(&self, trainer: &Trainer, files: &[Side]) -> Result<String, Error> {
        let Some((graph, arguments)) = trainer.next_evaluation() else { return Ok(String::new()) };
        let types: Vec<Type> = arguments.iter().map(Tensor::ty).collect();
        let on = |backend: &Backend, arguments: &[Tensor], graph: &tessera_core::ir::Graph| {
            Function::new(graph.clone(), backend.clone()).call(&arguments.iter().collect::<Vec<_>>())
        };
        let here = |graph: &_| on(&self.backend, &arguments, graph);
        let mut text = String::new();
        let step = trainer.steps() + 1;
        let law = find_difference(&graph, &types, here, |graph| on(&Backend::Reference, &arguments, graph))?;
        match law {
            None => {
                let _ = writeln!(text, "  step {step}: engine and reference agree here on every operation");
            }
            Some(found) => {
                let _ = writeln!(
                    text,
                    "  step {step}: engine and reference differ here, first in {}",
                    named(&found)
                );
            }
        }
        for file in files.iter().filter(|file| file.step() == trainer.steps()) {
            let Some((_, others)) = self.trainer(file)?.next_evaluation() else { continue };
            let first = arguments.iter().zip(&others).position(|(mine, other)| !mine.same_bits(other));
            let Some(first) = first else { continue };
            let argument = graph.name(graph.inputs()[first].value).unwrap_or("an argument");
            let first = compare_tensors(argument, &arguments[first], &others[first]);
            let _ = writeln!(
                text,
                "  step {step} from what {} holds: {}",
                file.path.display(),
                first.map_or(String::new(), |d| d.to_string())
            );
            if let Some(found) =
                find_difference(&graph, &types, here, |graph| on(&self.backend, &others, graph))?
            {
                let _ = writeln!(text, "    then first in {}", named(&found));
            }
        }
        Ok(text)
    }

    /// The two files and those kept before them that are good and of the same case.
    fn files(&self) -> Vec<Side> {
        let paths = self.sides.iter().flat_map(|side| {
            std::iter::once(side.path.clone()).chain(kept_paths(&side.path).unwrap_or_default())
        });
        let case = &self.sides[0].checkpoint.header.case;
        paths
            .filter_map(|path| Side::read(&path).ok())
            .filter(|side| side.checkpoint.header.case == *case)
            .collect()
    }

    fn trainer(&self, side: &Side) -> Result<Trainer, Error> {
        let state = run_file::state(&side.checkpoint);
        let trainer = Trainer::resume(&self.case, self.folder, &state, self.backend.clone())
            .map_err(|error| format!("cannot go on from {}: {error}", side.path.display()))?;
        let start =
            Start { checkpoint: side.checkpoint.clone(), path: side.path.clone(), warnings: Vec::new() };
        run_file::check_observations(&start, &trainer)?;
        Ok(trainer)
    }

    /// A line if the weights in a file are not those that its history notes for its step.
    fn altered(&self, side: &Side) -> Result<Option<String>, Error> {
        let noted = side.checkpoint.datasets.get("history/weights").map(|weights| weights.values::<u64>());
        let (Some(&step), Some(&noted)) = (side.noted().last(), noted.and_then(<[u64]>::last)) else {
            return Ok(None);
        };
        let got = self.trainer(side)?.theta().fingerprint();
        let differs = step == side.step() && noted != got;
        Ok(differs.then(|| {
            let path = side.path.display();
            format!("  {path}: its weights at step {step} are not those that training gave: fingerprint {got:016x}, its history notes {noted:016x}\n")
        }))
    }
}

/// An operation, its types, and the first element that differs.
fn named(found: &tessera_core::exec::Difference) -> String {
    let operands: Vec<String> = found.operands.iter().map(ToString::to_string).collect();
    let element =
        compare_tensors("result", &found.left, &found.right).map_or(String::new(), |d| d.to_string());
    format!(
        "operation {} of {}, {BOLD}tgraph.{}{RESET} ({}) -> {}: {element}",
        found.position + 1,
        found.operations,
        found.op,
        operands.join(", "),
        found.left.ty()
    )
}

/// The value of a row of one column: a number exactly, a fingerprint in hexadecimal.
fn shown(row: &Tensor) -> String {
    match row.data() {
        tessera_core::tensor::Data::F64(x) => {
            x.iter().map(|&x| format!("{x:?} ({})", hex_float(x))).collect()
        }
        tessera_core::tensor::Data::U64(x) => x.iter().map(|x| format!("{x:016x}")).collect(),
        _ => row.ty().to_string(),
    }
}

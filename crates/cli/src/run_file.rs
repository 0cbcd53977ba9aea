//! The run file of a training: what is kept of a trainer, and going on from it.

use crate::backend::Engine;
use std::path::{Path, PathBuf};
use tessera_core::ir::{Builder, Program, Transform, TransformKind};
use tessera_core::numerics::dispatch::Level;
use tessera_core::{Tensor, text};
use tessera_dist::checkpoint::{NUMERICS_VERSION, kept_paths, read, read_latest, to_bytes};
use tessera_dist::{Attribute, Checkpoint};
use tessera_pinn::loss::Objective;
use tessera_pinn::state::{self, State};
use tessera_pinn::trainer::{Solved, Trainer};

/// The attribute with the digests of all observations.
const OBSERVATIONS: &str = "observationsSha256";
/// The provenance entry with the seconds spent on training so far.
const WALL_SECONDS: &str = "wallSeconds";

/// What goes into a run file besides the trainer's state.
pub struct Context {
    /// The text of the case file.
    pub case: String,
    /// The text of the program.
    pub program: String,
    /// The engine, for provenance.
    pub engine: Engine,
}

/// The loss of `trainer` as text that `tessera check` and `tessera run` read, with the statement
/// that asks for its gradient.
pub fn program_text(trainer: &Trainer) -> String {
    let loss = trainer.loss();
    let mut b = Builder::new("loss");
    let theta = b.input("theta", loss.theta());
    let inputs = loss.inputs(&mut b);
    let losses = loss.losses(&mut b, theta, &inputs).expect("the trainer has differentiated it");
    let mut program = Program::default();
    program.modules.insert("loss".to_owned(), b.snapshot(vec![losses.total]).into());
    let gradient = Transform::new(TransformKind::Adjoint, "loss", "loss_gradient");
    program.transforms.push(Transform { wrt: vec!["theta".to_owned()], ..gradient });
    text::print(&program)
}

/// The checkpoint of `trainer`, with its solution where there is one to keep. Nothing of it but the
/// provenance depends on the engine, the time or interruptions.
pub fn checkpoint(
    trainer: &Trainer,
    context: &Context,
    solved: Option<&Solved>,
    wall_seconds: f64,
) -> Checkpoint {
    let State { tensors, attributes } = trainer.state();
    let mut checkpoint =
        Checkpoint::new(trainer.case().seed, context.case.as_str(), context.program.as_str());
    checkpoint.header.step = trainer.steps();
    checkpoint.datasets.extend(tensors);
    checkpoint.attributes.extend(attributes.into_iter().map(|(name, value)| (name, stored(value))));
    if let Some(digests) = observations(trainer) {
        checkpoint.attributes.insert(OBSERVATIONS.to_owned(), digests.into());
    }
    if let Some(solved) = solved {
        checkpoint.datasets.extend(solved.tensors());
        for (unknown, error) in solved.relative_l2() {
            checkpoint.attributes.insert(format!("relativeL2.{unknown}"), error.into());
        }
    }
    for (parameter, value, _) in trainer.parameters() {
        checkpoint.attributes.insert(format!("parameter.{parameter}"), value.into());
    }
    let entries = [
        ("backend", Attribute::from(context.engine.name())),
        ("ranks", Attribute::U64(trainer.loss().ranks().size() as u64)),
        ("threads", Attribute::U64(context.engine.threads() as u64)),
        ("simd", Level::current().name().into()),
        (WALL_SECONDS, wall_seconds.into()),
    ];
    checkpoint.provenance.entries.extend(entries.map(|(name, value)| (name.to_owned(), value)));
    checkpoint
}

/// That a run file can hold what a training of `trainer` will give: before any time is spent on it.
///
/// # Errors
/// Which name no file can hold.
pub fn check_names(trainer: &Trainer, context: &Context) -> Result<(), String> {
    let mut sample = checkpoint(trainer, context, None, 0.0);
    let case = trainer.case();
    let coordinates = case.coordinates.iter().map(|c| format!("solution/coordinates/{}", c.name));
    let unknowns = case.unknowns.iter().flat_map(|name| {
        ["solution", "solution/reference", "solution/error"].map(|group| format!("{group}/{name}"))
    });
    sample.datasets.extend(coordinates.chain(unknowns).map(|path| (path, Tensor::scalar(0.0))));
    to_bytes(&sample).map(drop).map_err(|cause| {
        format!("cannot keep this case in a run file: {cause}\nhelp: rename what is called so in the case")
    })
}

/// The trainer's state in a checkpoint.
pub fn state(checkpoint: &Checkpoint) -> State {
    let attributes = checkpoint.attributes.iter().map(|(name, value)| (name.clone(), loaded(value)));
    State { tensors: checkpoint.datasets.clone(), attributes: attributes.collect() }
}

fn stored(value: state::Attribute) -> Attribute {
    match value {
        state::Attribute::U64(value) => Attribute::U64(value),
        state::Attribute::F64(value) => Attribute::F64(value),
        state::Attribute::Text(value) => Attribute::Text(value),
    }
}

fn loaded(value: &Attribute) -> state::Attribute {
    match value {
        Attribute::U64(value) => state::Attribute::U64(*value),
        Attribute::F64(value) => state::Attribute::F64(*value),
        Attribute::Text(value) => state::Attribute::Text(value.clone()),
    }
}

fn observations(trainer: &Trainer) -> Option<String> {
    let digests: Vec<String> = trainer.loss().observed().iter().map(|tensor| tensor.digest()).collect();
    (!digests.is_empty()).then(|| digests.join(","))
}

/// The seconds spent on training before `checkpoint` was written.
pub fn wall_seconds(checkpoint: &Checkpoint) -> f64 {
    match checkpoint.provenance.entries.get(WALL_SECONDS) {
        Some(Attribute::F64(seconds)) => *seconds,
        _ => 0.0,
    }
}

/// Whether `checkpoint` holds the solution, as the last one of a command does.
pub fn has_solution(checkpoint: &Checkpoint) -> bool {
    checkpoint.group("solution").next().is_some()
}

/// From where to go on.
pub struct Start {
    /// The state.
    pub checkpoint: Checkpoint,
    /// The file it was in.
    pub path: PathBuf,
    /// What to tell the user.
    pub warnings: Vec<String>,
}

/// The newest good run file for `--resume auto` of `out`: none if there is no file at all.
///
/// # Errors
/// If there are files, but none is good: why each was refused.
pub fn find(out: &Path) -> Result<Option<Start>, String> {
    if !out.exists() && kept_paths(out).is_ok_and(|kept| kept.is_empty()) {
        return Ok(None);
    }
    let latest = read_latest(out).map_err(|refused| {
        let reasons: Vec<String> = refused.iter().map(ToString::to_string).collect();
        format!(
            "{}\nhelp: there is no good file to resume from; remove what is there to begin anew",
            reasons.join("\n       ")
        )
    })?;
    let path = latest.path.display();
    let warnings =
        latest.refused.iter().map(|error| format!("{error}; going on from {path}, a file kept before it"));
    Ok(Some(Start { warnings: warnings.collect(), checkpoint: latest.checkpoint, path: latest.path }))
}

/// The run file `path` for `--resume PATH`.
///
/// # Errors
/// If it is not good.
pub fn open(path: &Path) -> Result<Start, String> {
    let checkpoint = read(path).map_err(|error| error.to_string())?;
    Ok(Start { checkpoint, path: path.to_owned(), warnings: Vec::new() })
}

/// That a run of the case with text `case` may go on from `start`.
///
/// # Errors
/// What differs.
pub fn check_case(start: &Start, case: &str) -> Result<(), String> {
    let Start { checkpoint, path, .. } = start;
    let cannot = |cause: String| format!("cannot resume from {}: {cause}", path.display());
    let version = checkpoint.header.numerics_version;
    if version != NUMERICS_VERSION {
        return Err(cannot(format!(
            "its numerics version must be {NUMERICS_VERSION}, got {version}; go on with the release that wrote it"
        )));
    }
    let old = &checkpoint.header.case;
    if old == case {
        return Ok(());
    }
    let lines = old.lines().zip(case.lines()).enumerate().find(|(_, (old, new))| old != new);
    let difference = match lines {
        Some((i, (old, new))) => format!("line {}: it has `{old}`, the case file `{new}`", i + 1),
        None => format!("it has {} lines, the case file {}", old.lines().count(), case.lines().count()),
    };
    Err(cannot(format!(
        "it must be a run of this very case, but differs in {difference}\n\
         help: undo the change, or train the changed case into another --out"
    )))
}

/// That `trainer` has the observations that the run began with.
///
/// # Errors
/// If they were changed.
pub fn check_observations(start: &Start, trainer: &Trainer) -> Result<(), String> {
    let began = match start.checkpoint.attributes.get(OBSERVATIONS) {
        Some(Attribute::Text(digests)) => Some(digests.clone()),
        _ => None,
    };
    match began == observations(trainer) {
        true => Ok(()),
        false => Err(format!(
            "cannot resume from {}: the observations must be those that the run began with, but a file of [[data]] was changed",
            start.path.display()
        )),
    }
}

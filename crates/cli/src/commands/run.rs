//! `tessera run`: call a module.

use super::{BOLD, Error, RESET, Report, json};
use crate::backend::Engine;
use crate::exit::Exit;
use crate::program::load;
use crate::{array, file, npy};
use clap::Args;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use tessera_core::diagnostic::{Colour, Diagnostic, Source, nearest};
use tessera_core::exec::{Function, Solves};
use tessera_core::ir::{Graph, Type};
use tessera_core::tensor::Data;
use tessera_core::{Tensor, text};

/// Call a module with arguments, and print its results with their digests
///
/// Targets of statements such as adjoint can be called like any module. A digest is SHA-256
/// over dtype, shape and little-endian bits; with numpy:
/// hashlib.sha256(f"f64 {list(x.shape)}\n".encode() + x.tobytes()).hexdigest()
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tessera run heat.mlir --entry @heat --arg x='[0.5, 1.0]' --arg nu=0.01
  tessera run heat.mlir --entry @heat_grad --arg x=points.npy --out gradient.npz
  tessera run heat.mlir --arg x=data.npz --threads 1 --json

Exit code 0, 1 if --find-nan found something, 2 if the program, an argument or a file is bad, or 3 if a solve
(linear_solve, root, fixed_point, minimize) did not converge.")]
pub struct Run {
    /// The program; - for stdin
    file: PathBuf,
    /// The module to call; may be left out where there is only one
    #[arg(long, value_name = "@NAME")]
    entry: Option<String>,
    /// An argument: numbers as in the program's text, an .npy file, or an .npz file that holds NAME
    #[arg(long = "arg", value_name = "NAME=VALUE", value_parser = pair)]
    arguments: Vec<(String, String)>,
    /// Write the results, by name, to an .npz file
    #[arg(long, value_name = "FILE.npz")]
    out: Option<PathBuf>,
    #[command(flatten)]
    engine: Engine,
    /// If a result holds NaN or an infinity, name the operation that it comes from, and end with 1
    #[arg(long)]
    find_nan: bool,
    /// Print the results as JSON; elements of tensors of up to 1000
    #[arg(long)]
    json: bool,
}

/// Results with more elements have none in JSON.
const JSON_ELEMENTS_MAX: usize = 1000;

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => {
            let name = name.trim();
            Ok((name.strip_prefix('%').unwrap_or(name).to_owned(), value.to_owned()))
        }
        _ => Err("must be NAME=VALUE, such as x='[1.0, 2.0]' or x=points.npy".to_owned()),
    }
}

impl Run {
    pub(super) fn run(&self) -> Result<Report, Error> {
        if let Some(out) = &self.out {
            if out.extension().is_none_or(|extension| extension != "npz") {
                let name = out.display();
                return Err(format!("cannot write {name}: the file's name must end with .npz").into());
            }
            file::check_writable(out)?;
        }
        let loaded = load(&self.file)?;
        let graph = loaded.module(self.entry.as_deref())?;
        let arguments = self.arguments(graph)?;
        let solves = Solves::of(graph);
        let function = Function::new(solves.graph().clone(), self.engine.backend());
        let inputs: Vec<&Tensor> = arguments.iter().collect();
        let (outputs, unsolved) = solves.split(function.call(&inputs)?);
        let unsolved = solves.with_conditions(unsolved, &inputs, &self.engine.backend());
        let names = result_names(graph);
        if let Some(out) = &self.out {
            let cannot = |cause: &dyn std::fmt::Display| format!("cannot write {}: {cause}", out.display());
            let bytes = npy::npz(names.iter().map(String::as_str).zip(&outputs)).map_err(|e| cannot(&e))?;
            file::write(out, &bytes).map_err(|error| cannot(&error))?;
            tracing::info!("wrote {}, {} bytes", out.display(), bytes.len());
        }
        let results = names.iter().zip(&outputs);
        let text = match self.json {
            true => {
                let results: Vec<Value> = results.map(|(name, tensor)| to_json(name, tensor)).collect();
                json(&json!({ "module": graph.name, "results": results }))
            }
            false => results.map(|(name, tensor)| to_text(name, tensor)).collect(),
        };
        let mut problems: Vec<Diagnostic> =
            unsolved.iter().map(|found| loaded.unsolved(graph, found)).collect();
        let mut exit = if problems.is_empty() { Exit::Done } else { Exit::Diverged };
        if self.find_nan
            && let Some(found) = loaded.find_nan(graph, &arguments)?
        {
            problems.push(found);
            exit = if exit == Exit::Done { Exit::Failed } else { exit };
        }
        let shown = problems.iter().map(|found| found.render(Some(&loaded.source), Colour::Always) + "\n");
        Ok(Report { problems: shown.collect(), exit, ..Report::done(text) })
    }

    /// The arguments in the order of the inputs, or all that is wrong with them.
    fn arguments(&self, graph: &Graph) -> Result<Vec<Tensor>, Error> {
        let mut given: HashMap<&str, &str> = HashMap::new();
        let mut problems = Vec::new();
        let inputs: Vec<(&str, &Type)> = graph
            .inputs()
            .iter()
            .map(|input| (graph.name(input.value).unwrap_or("?"), graph.ty(input.value)))
            .collect();
        for (name, value) in &self.arguments {
            if !inputs.iter().any(|(known, _)| known == name) {
                problems.push(unknown(graph, &inputs, name));
            } else if given.insert(name, value).is_some() {
                problems.push(format!("argument %{name} must be given once, got it twice"));
            }
        }
        let mut tensors = Vec::new();
        for (name, ty) in &inputs {
            let tensor = match given.get(name) {
                Some(value) => argument(graph, name, value, ty),
                None => Err(format!(
                    "argument %{name} of @{} must be given: {ty}; add --arg {name}={}",
                    graph.name,
                    if ty.ndim() == 0 { "NUMBER" } else { "FILE.npy" }
                )),
            };
            match tensor {
                Ok(tensor) => tensors.push(tensor),
                Err(problem) => problems.push(problem),
            }
        }
        if problems.is_empty() { Ok(tensors) } else { Err(problems.join("\nerror: ").into()) }
    }
}

fn unknown(graph: &Graph, inputs: &[(&str, &Type)], name: &str) -> String {
    let known: Vec<String> = inputs.iter().map(|(known, _)| format!("%{known}")).collect();
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    let near = nearest(name, inputs.iter().map(|(known, _)| *known));
    let help = near.map_or(String::new(), |near| format!("; did you mean %{near}?"));
    format!("arguments of @{} must be its inputs ({known}), got %{name}{help}", graph.name)
}

/// The tensor that `value` writes or names, which must fit `ty`.
fn argument(graph: &Graph, name: &str, value: &str, ty: &Type) -> Result<Tensor, String> {
    let path = Path::new(value.trim());
    let is_file = path.extension().is_some_and(|extension| extension == "npy" || extension == "npz");
    if !is_file {
        let source = Source::new(format!("--arg {name}"), value);
        return text::parse_tensor(&source, ty)
            .map_err(|errors| format!("argument %{name} of @{} must be {ty}\n{errors}", graph.name));
    }
    let tensor = npy::read(path, name, ty.dtype)
        .map_err(|error| format!("argument %{name} of @{} must be {ty}: {error}", graph.name))?;
    match ty.agrees(&tensor.ty()) {
        true => Ok(tensor),
        false => Err(format!(
            "argument %{name} of @{} must be {ty}, got {} in {}",
            graph.name,
            tensor.ty(),
            path.display()
        )),
    }
}

/// A name of its own for every output.
fn result_names(graph: &Graph) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for (i, &output) in graph.outputs().iter().enumerate() {
        let name = graph.name(output).map_or_else(|| format!("result{i}"), str::to_owned);
        let numbered = (1..).map(|k| format!("{name}_{k}"));
        let free = std::iter::once(name.clone()).chain(numbered).find(|name| !names.contains(name));
        names.push(free.expect("numbers do not end"));
    }
    names
}

fn to_text(name: &str, tensor: &Tensor) -> String {
    let gap = if tensor.ndim() > 1 { "\n" } else { " " };
    let (ty, digest) = (tensor.ty(), tensor.digest());
    format!("{BOLD}%{name}{RESET} : {ty} ={gap}{}\n  sha256:{digest}\n", array::short(tensor))
}

fn to_json(name: &str, tensor: &Tensor) -> Value {
    let small = tensor.len() <= JSON_ELEMENTS_MAX;
    json!({
        "name": name,
        "dtype": tensor.dtype().name(),
        "shape": tensor.shape(),
        "sha256": tensor.digest(),
        "values": small.then(|| elements(tensor)),
    })
}

/// The elements, row-major; JSON has no NaN and no infinity, which become texts.
fn elements(tensor: &Tensor) -> Vec<Value> {
    let float = |x: f64| if x.is_finite() { json!(x) } else { json!(x.to_string()) };
    match tensor.data() {
        Data::F64(v) => v.iter().map(|&x| float(x)).collect(),
        Data::F32(v) => v.iter().map(|&x| float(f64::from(x))).collect(),
        Data::I64(v) => v.iter().map(|x| json!(x)).collect(),
        Data::I32(v) => v.iter().map(|x| json!(x)).collect(),
        Data::U64(v) => v.iter().map(|x| json!(x)).collect(),
        Data::U32(v) => v.iter().map(|x| json!(x)).collect(),
        Data::Bool(v) => v.iter().map(|x| json!(x)).collect(),
    }
}

//! Programs from files: read, verified, statements carried out, verified again.

use std::path::Path;
use std::sync::Arc;
use tessera_core::diagnostic::{Diagnostic, Diagnostics, Source};
use tessera_core::exec::{CallError, NonFinite, Unsolved, find_nonfinite};
use tessera_core::ir::{Graph, Location, Node, Program};
use tessera_core::{Tensor, ad, text, verify};

/// A program.
pub struct Loaded {
    /// As it was written: with its statements.
    pub written: Program,
    /// With a module for each statement instead.
    pub expanded: Program,
    /// The text.
    pub source: Source,
}

/// Why there is no program.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file cannot be read.
    #[error("cannot read {path}: {cause}")]
    Unreadable {
        /// The file's name.
        path: String,
        /// What the operating system says.
        cause: std::io::Error,
    },
    /// The text breaks laws.
    #[error(transparent)]
    Wrong(#[from] Diagnostics),
}

/// The program in the file `path`; `-` is stdin.
///
/// # Errors
/// If the file cannot be read, or all that is wrong with its text.
pub fn load(path: &Path) -> Result<Loaded, LoadError> {
    let (name, bytes) = match path.to_str() {
        Some("-") => ("<stdin>".to_owned(), stdin()),
        _ => (path.display().to_string(), std::fs::read(path)),
    };
    let bytes = bytes.map_err(|cause| LoadError::Unreadable { path: name.clone(), cause })?;
    let source = Source::from_bytes(name, bytes)?;
    let written = text::check(&source)?;
    let diagnostics = |list: Vec<Diagnostic>| Diagnostics::new(Arc::new(source.clone()), list);
    let expanded = ad::expand(&written)
        .map_err(|errors| diagnostics(errors.into_iter().map(Diagnostic::from).collect()))?;
    verify::verify(&expanded).map_err(diagnostics)?;
    Ok(Loaded { written, expanded, source })
}

fn stdin() -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut std::io::stdin().lock(), &mut bytes)?;
    Ok(bytes)
}

impl Loaded {
    /// If a result of `graph`, a module of the program, is not finite for `inputs`: the operation that
    /// NaN or an infinity comes from, and where it was written.
    ///
    /// # Errors
    /// If the inputs do not fit.
    pub fn find_nan(&self, graph: &Graph, inputs: &[Tensor]) -> Result<Option<Diagnostic>, CallError> {
        let found = find_nonfinite(graph, &inputs.iter().collect::<Vec<_>>())?;
        Ok(found.map(|found| self.blame(graph, &found)))
    }

    fn blame(&self, graph: &Graph, found: &NonFinite) -> Diagnostic {
        let named = |op: &str, name: Option<&str>| match name {
            Some(name) => format!("`{op}` (%{name})"),
            None => format!("`{op}`"),
        };
        let output =
            graph.name(graph.outputs()[found.output]).map_or(String::new(), |name| format!(" %{name}"));
        let message =
            format!("result {}{output} of @{} must be finite, got {}", found.output, graph.name, found.got);
        let element = if found.index.is_empty() { String::new() } else { format!(" at {:?}", found.index) };
        let Some(op) = found.op else {
            let name = found.value.as_deref().unwrap_or("?");
            return Diagnostic::new("ad-7", message).note(format!("argument %{name} holds it{element}"));
        };
        let made = format!("{} makes it of finite operands{element}", named(op, found.value.as_deref()));
        let label = match self.written_at(found.location) {
            Some((module, node)) if node.op.name() != op => {
                let primal = named(node.op.name(), module.name(node.results[0]));
                format!("{made}, in the derivative of {primal} of @{}", module.name)
            }
            _ => made,
        };
        match found.location {
            Location::Text { .. } => Diagnostic::new("ad-7", message).located(found.location).label(label),
            _ => Diagnostic::new("ad-7", message).note(label),
        }
    }

    /// What to say of a solve that did not converge.
    pub fn unsolved(&self, graph: &Graph, found: &Unsolved) -> Diagnostic {
        let name = found.value.as_ref().map_or(String::new(), |name| format!(" (%{name})"));
        let (failed, all) = found.positions;
        let place = if found.within.contains(&"scan") { "rounds" } else { "positions" };
        let share = if all > 1 { format!(", at {failed} of {all} {place}") } else { String::new() };
        let within: String = found.within.iter().rev().map(|op| format!(" inside a `{op}`")).collect();
        let condition = found.condition.map_or(String::new(), |condition| {
            let size =
                if condition.is_finite() { format!("about {condition:.1e}") } else { "infinite".into() };
            format!("; the condition of its matrix there is {size}")
        });
        let message = format!(
            "`{}`{name}{within} of @{} must converge, got status {} ({}) after {} iterations, residual {:e}{share}{condition}",
            found.op, graph.name, found.status as usize, found.status, found.iterations, found.residual
        );
        let diagnostic = Diagnostic::new("converged-2", message).help(found.status.advice());
        let diagnostic = match self.written_at(found.location) {
            Some((module, node)) if node.op.name() != found.op => {
                diagnostic.label(format!("in the derivative of `{}` of @{}", node.op.name(), module.name))
            }
            _ => diagnostic,
        };
        match found.location {
            Location::Text { .. } => diagnostic.located(found.location),
            _ => diagnostic,
        }
    }

    /// The node that was written at `location`, and its module.
    fn written_at(&self, location: Location) -> Option<(&Graph, &Node)> {
        let nodes = self
            .written
            .modules
            .values()
            .flat_map(|graph| graph.nodes().iter().map(move |n| (graph.as_ref(), n)));
        nodes.into_iter().find(|(_, node)| location != Location::Derived && node.location == location)
    }

    /// The module called `name`, with or without `@`; without a name, the only one there is.
    ///
    /// # Errors
    /// Which modules there are.
    pub fn module(&self, name: Option<&str>) -> Result<&Arc<Graph>, String> {
        let modules = &self.expanded.modules;
        let names: Vec<String> = modules.keys().map(|name| format!("@{name}")).collect();
        let names = names.join(", ");
        match name.map(|name| name.strip_prefix('@').unwrap_or(name)) {
            Some(name) => modules.get(name).ok_or_else(|| {
                let near = tessera_core::diagnostic::nearest(name, modules.keys().map(String::as_str));
                let help = near.map_or(String::new(), |near| format!("\nhelp: did you mean @{near}?"));
                format!("the entry must be a module of the program ({names}), got @{name}{help}")
            }),
            None if modules.len() == 1 => Ok(&modules[0]),
            None if modules.is_empty() => Err("the program must have a module, got none".to_owned()),
            None => Err(format!(
                "the entry must be named where there are several modules ({names})\nhelp: add --entry @{}",
                modules.keys().last().map_or("", String::as_str)
            )),
        }
    }
}

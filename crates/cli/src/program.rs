//! Programs from files: read, verified, statements carried out, verified again.

use std::path::Path;
use std::sync::Arc;
use tessera_core::diagnostic::{Diagnostic, Diagnostics, Source};
use tessera_core::ir::{Graph, Program};
use tessera_core::{ad, text, verify};

/// A program.
pub struct Loaded {
    /// As it was written: with its statements.
    pub written: Program,
    /// With a module for each statement instead.
    pub expanded: Program,
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
    Ok(Loaded { written, expanded })
}

fn stdin() -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut std::io::stdin().lock(), &mut bytes)?;
    Ok(bytes)
}

impl Loaded {
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

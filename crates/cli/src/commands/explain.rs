//! `tessera explain`: what a diagnostic means, and its mend.

use super::{BOLD, Error, RESET, Report};
use clap::Args;
use tessera_core::diagnostic;
use tessera_pinn::laws;

/// Say what an error's id means, how to mend what breaks its law, and what keeps it
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tessera explain matmul-2
  tessera explain matmul
  tessera explain

Exit code 0, or 2 for an id that is not known.")]
pub struct Explain {
    /// The id, as in error[matmul-2], or its beginning; without one, all are listed
    id: Option<String>,
}

impl Explain {
    pub(super) fn run(&self) -> Result<Report, Error> {
        let Some(id) = &self.id else {
            return Ok(Report::done(list(|_| true)));
        };
        let id = id.trim().trim_start_matches("error").trim_matches(['[', ']']);
        let text = diagnostic::explain(id).or_else(|| laws::explain(id));
        if let Some(text) = text {
            let (head, rest) = text.split_once(':').unwrap_or((id, &text));
            return Ok(Report::done(format!("{BOLD}{head}{RESET}:{rest}")));
        }
        let family = format!("{id}-");
        if ids().any(|(known, _)| known.starts_with(&family)) {
            return Ok(Report::done(list(|known| known.starts_with(&family))));
        }
        let near = diagnostic::nearest(id, ids().map(|(known, _)| known));
        let help = near.map_or("run `tessera explain` for all ids".to_owned(), |near| {
            format!("did you mean {near}? `tessera explain` lists all ids")
        });
        Err(format!("id must be one of a diagnostic, got {id:?}\nhelp: {help}").into())
    }
}

/// Every id and its law.
fn ids() -> impl Iterator<Item = (&'static str, &'static str)> {
    diagnostic::ids().chain(laws::LAWS.iter().map(|law| (law.id, law.law)))
}

fn list(which: impl Fn(&str) -> bool) -> String {
    let shown = ids().filter(|(id, _)| which(id));
    shown.map(|(id, law)| format!("{BOLD}{id:<24}{RESET} {law}\n")).collect()
}

//! `tessera plot`: pictures of a run.

use super::{Error, Report};
use crate::file;
use crate::plot::{picture, to_png};
use clap::Args;
use std::path::PathBuf;
use tessera_dist::checkpoint::read;

/// Draw the solution, its error and the convergence of a run
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tessera plot run.h5 -o run.png
  tessera plot run.h5 -o run.png --scale 4
  tessera plot run.h5 -o run.svg

The run must hold solution/NAME over one or two coordinates (solution/coordinates/NAME), or
history/step with losses. No font of the system is needed.")]
pub struct Plot {
    /// The run file
    run: PathBuf,
    /// The picture: .png for pixels, .svg for vectors
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Pixels to 1/96 inch, for .png
    #[arg(long, default_value_t = 2.0, value_parser = scale)]
    scale: f32,
}

fn scale(text: &str) -> Result<f32, String> {
    match text.parse::<f32>() {
        Ok(scale) if (0.25..=16.0).contains(&scale) => Ok(scale),
        _ => Err("must be a number from 0.25 to 16".to_owned()),
    }
}

impl Plot {
    pub(super) fn run(&self) -> Result<Report, Error> {
        let name = self.output.display();
        let extension = self.output.extension().map(|extension| extension.to_ascii_lowercase());
        let png = match extension.as_deref().and_then(|extension| extension.to_str()) {
            Some("png") => true,
            Some("svg") => false,
            _ => {
                return Err(format!("cannot draw {name}: the file's name must end with .png or .svg").into());
            }
        };
        let run = read(&self.run)?;
        let svg = picture(&run).map_err(|error| format!("cannot draw {}: {error}", self.run.display()))?;
        let bytes = if png { to_png(&svg, self.scale)? } else { svg.into_bytes() };
        file::write(&self.output, &bytes).map_err(|error| format!("cannot write {name}: {error}"))?;
        tracing::info!("wrote {name}, {} bytes", bytes.len());
        Ok(Report::done(""))
    }
}

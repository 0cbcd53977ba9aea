//! Pictures of a run: the solution, its error, and how the loss went down.
//!
//! What is drawn comes from the run file's datasets:
//!
//! ```text
//! solution/<unknown>            values, one axis for each coordinate
//! solution/coordinates/<name>   ordered values of a coordinate, in the order of the axes
//! solution/error/<unknown>      difference from the reference, where there is one
//! solution/reference/<unknown>  the reference (drawn for one coordinate)
//! history/step                  optimiser steps at which the losses were noted
//! history/stage                 number of the optimiser's stage at each of them
//! history/<term>                a loss term at each of them; `total` (or `loss`) is the whole
//! ```
//!
//! The text attribute `stages` may name the stages, separated by commas.

mod axis;
mod panel;
mod svg;

use axis::Axis;
use colorgrad::Gradient;
use panel::{Chart, Curve, Heat, highest, lowest};
use svg::{Rect, Svg};
use tessera_core::Tensor;
use tessera_core::tensor::Data;
use tessera_dist::{Attribute, Checkpoint};

pub use svg::to_png;

/// The frame of a panel: width and height.
const FRAME: (f64, f64) = (300.0, 235.0);

/// Room around a frame, for labels; on the right for those of a colour bar, or for none.
const LEFT: f64 = 70.0;
const ABOVE: f64 = 32.0;
const BELOW: f64 = 48.0;
const RIGHT_OF_HEAT: f64 = 76.0;
const RIGHT_OF_CHART: f64 = 22.0;

/// Orders of magnitude that a picture of an error shows below its greatest value.
const ERROR_DECADES: f64 = 6.0;

/// Colours that the colour-blind can tell apart (Okabe and Ito), without yellow.
const COLOURS: [&str; 6] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00"];
const DASHES: [&str; 4] = ["", "6 2.5", "2 2", "8 2 2 2"];

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
pub enum PlotError {
    /// The run file holds nothing that can be drawn.
    #[error(
        "a run must hold `solution/…` over one or two coordinates or `history/step` with losses, found neither"
    )]
    Nothing,
    /// A dataset has another shape or type than the picture needs.
    #[error("dataset {path} must {must}, got {got}")]
    Dataset {
        /// Its path.
        path: String,
        /// What must hold.
        must: String,
        /// What it is.
        got: String,
    },
    /// An image could not be encoded.
    #[error("cannot encode an image: {0}")]
    Image(#[from] png::EncodingError),
}

/// A coordinate: its name and its ordered values.
struct Coordinate<'a> {
    name: &'a str,
    values: Vec<f64>,
}

/// A panel, ready to be drawn into a frame.
type Draw<'a> = Box<dyn Fn(&mut Svg, Rect, &str) -> Result<(), PlotError> + 'a>;

/// A panel and the room that it needs to the right of its frame.
struct Panel<'a> {
    right: f64,
    draw: Draw<'a>,
}

/// The picture of `run` as SVG text: for each unknown its solution and its error, and convergence.
///
/// # Errors
/// If the run holds nothing to draw, or datasets whose shapes do not fit together.
pub fn picture(run: &Checkpoint) -> Result<String, PlotError> {
    let coordinates = coordinates(run)?;
    let mut rows: Vec<Vec<Panel<'_>>> = Vec::new();
    for (name, tensor) in run.group("solution").filter(|(name, _)| !name.contains('/')) {
        rows.push(match &coordinates[..] {
            [across, up] => fields(run, name, tensor, across, up)?,
            [x] => lines(run, name, tensor, x)?,
            _ => {
                tracing::warn!("solution/{name} is over {} coordinates and is not drawn", coordinates.len());
                continue;
            }
        });
    }
    if let Some(convergence) = convergence(run)? {
        match rows.first_mut() {
            Some(row) => row.push(convergence),
            None => rows.push(vec![convergence]),
        }
    }
    let columns = rows.iter().map(Vec::len).max().ok_or(PlotError::Nothing)?;
    let right = |column: usize| {
        let panels = rows.iter().filter_map(|row| row.get(column));
        panels.map(|panel| panel.right).fold(0.0, f64::max)
    };
    let mut svg = Svg::default();
    let mut letters = 'a'..='z';
    let lefts: Vec<f64> =
        (0..=columns).map(|column| (0..column).map(|before| LEFT + FRAME.0 + right(before)).sum()).collect();
    let height = ABOVE + FRAME.1 + BELOW;
    for (row, panels) in rows.iter().enumerate() {
        for (left, panel) in lefts.iter().zip(panels) {
            let frame = Rect { x: left + LEFT, y: height * row as f64 + ABOVE, w: FRAME.0, h: FRAME.1 };
            let letter = letters.next().map(|letter| format!("({letter})  ")).unwrap_or_default();
            (panel.draw)(&mut svg, frame, &letter)?;
        }
    }
    Ok(svg.finish(lefts[columns], height * rows.len() as f64))
}

fn coordinates(run: &Checkpoint) -> Result<Vec<Coordinate<'_>>, PlotError> {
    let mut coordinates = Vec::new();
    for (name, tensor) in run.group("solution/coordinates") {
        let path = format!("solution/coordinates/{name}");
        let values = numbers(&path, tensor, &[tensor.len()])?;
        let ordered = values.is_sorted_by(|a, b| a < b) || values.is_sorted_by(|a, b| a > b);
        if !ordered || values.len() < 2 || !values.iter().all(|x| x.is_finite()) {
            let must = "hold at least two finite values in order".to_owned();
            return Err(PlotError::Dataset { path, must, got: tensor.ty().to_string() });
        }
        coordinates.push(Coordinate { name, values });
    }
    Ok(coordinates)
}

/// The elements of `tensor` as f64; it must be a float or integer tensor of `shape`.
fn numbers(path: &str, tensor: &Tensor, shape: &[usize]) -> Result<Vec<f64>, PlotError> {
    let error =
        |must: String| PlotError::Dataset { path: path.to_owned(), must, got: tensor.ty().to_string() };
    if tensor.shape() != shape {
        return Err(error(format!("have shape {shape:?}")));
    }
    match tensor.data() {
        Data::F64(v) => Ok(v.clone()),
        Data::F32(v) => Ok(v.iter().map(|&x| x.into()).collect()),
        Data::I64(v) => Ok(v.iter().map(|&x| x as f64).collect()),
        Data::I32(v) => Ok(v.iter().map(|&x| x.into()).collect()),
        Data::U64(v) => Ok(v.iter().map(|&x| x as f64).collect()),
        Data::U32(v) => Ok(v.iter().map(|&x| x.into()).collect()),
        Data::Bool(_) => Err(error("hold numbers".to_owned())),
    }
}

/// The dataset at `path`, if there is one, as numbers of `shape`.
fn optional(run: &Checkpoint, path: &str, shape: &[usize]) -> Result<Option<Vec<f64>>, PlotError> {
    run.datasets.get(path).map(|tensor| numbers(path, tensor, shape)).transpose()
}

/// The absolute error of an unknown, and the axis of its picture; none where it is nowhere positive.
fn error_of(run: &Checkpoint, name: &str, shape: &[usize]) -> Result<Option<(Vec<f64>, Axis)>, PlotError> {
    let Some(error) = optional(run, &format!("solution/error/{name}"), shape)? else {
        return Ok(None);
    };
    let error: Vec<f64> = error.into_iter().map(f64::abs).collect();
    let top = highest(&error);
    if top == 0.0 {
        return Ok(None);
    }
    let least = error.iter().copied().filter(|&e| e > 0.0).fold(top, f64::min);
    let axis = Axis::log(least.max(top * 10_f64.powf(-ERROR_DECADES)), top);
    Ok(Some((error, axis)))
}

/// Solution and error over two coordinates.
fn fields<'a>(
    run: &'a Checkpoint,
    name: &'a str,
    tensor: &Tensor,
    across: &'a Coordinate<'a>,
    up: &'a Coordinate<'a>,
) -> Result<Vec<Panel<'a>>, PlotError> {
    let shape = [across.values.len(), up.values.len()];
    let values = numbers(&format!("solution/{name}"), tensor, &shape)?;
    let (low, high) = (lowest(&values), highest(&values));
    let arguments = format!("({}, {})", across.name, up.name);
    let heat =
        move |values: &[f64], colours: Axis, gradient: &dyn Gradient, svg: &mut Svg, r: Rect, title: &str| {
            let (across, up) = ((across.name, &across.values[..]), (up.name, &up.values[..]));
            panel::heat(svg, r, title, &Heat { values, across, up, colours, gradient })
                .map_err(PlotError::from)
        };
    // A field of both signs shows where it is zero; both halves get the same scale.
    let signed = low < 0.0 && high > 0.0 && low.abs().min(high) > 0.05 * low.abs().max(high);
    let title = format!("{name}{arguments}");
    let solution: Draw<'a> = if signed {
        let limit = low.abs().max(high);
        let gradient = colorgrad::preset::rd_bu();
        Box::new(move |svg, r, letter| {
            let reversed = Reversed(&gradient);
            heat(&values, Axis::linear(-limit, limit), &reversed, svg, r, &format!("{letter}{title}"))
        })
    } else {
        let gradient = colorgrad::preset::viridis();
        Box::new(move |svg, r, letter| {
            heat(&values, Axis::linear(low, high), &gradient, svg, r, &format!("{letter}{title}"))
        })
    };
    let mut panels = vec![Panel { right: RIGHT_OF_HEAT, draw: solution }];
    if let Some((error, axis)) = error_of(run, name, &shape)? {
        let gradient = colorgrad::preset::magma();
        let title = format!("absolute error of {name}{arguments}");
        let draw: Draw<'a> = Box::new(move |svg, r, letter| {
            heat(&error, axis, &gradient, svg, r, &format!("{letter}{title}"))
        });
        panels.push(Panel { right: RIGHT_OF_HEAT, draw });
    }
    Ok(panels)
}

/// Red for the positive values, blue for the negative ones, as temperature has it.
#[derive(Clone)]
struct Reversed<'a, G>(&'a G);

impl<G: Gradient + Clone> Gradient for Reversed<'_, G> {
    fn at(&self, t: f32) -> colorgrad::Color {
        self.0.at(1.0 - t)
    }
}

/// Solution and error over one coordinate.
fn lines<'a>(
    run: &'a Checkpoint,
    name: &'a str,
    tensor: &Tensor,
    x: &'a Coordinate<'a>,
) -> Result<Vec<Panel<'a>>, PlotError> {
    let shape = [x.values.len()];
    let values = numbers(&format!("solution/{name}"), tensor, &shape)?;
    let reference = optional(run, &format!("solution/reference/{name}"), &shape)?;
    let ends = (lowest(&x.values), highest(&x.values));
    let draw = move |curves: Vec<Curve<'_>>, axis: Axis, svg: &mut Svg, r: Rect, title: &str| {
        let x = (x.name, Axis::linear(ends.0, ends.1));
        panel::chart(svg, r, title, &Chart { curves, x, y: ("", axis), marks: Vec::new() });
        Ok(())
    };
    let curve = move |label: &str, y: &[f64], i: usize| Curve {
        name: label.to_owned(),
        x: &x.values,
        y: y.to_vec(),
        colour: COLOURS[i],
        width: 1.5,
        dash: DASHES[i],
    };
    let solution: Draw<'a> = Box::new(move |svg, r, letter| {
        let mut curves = vec![curve(name, &values, 0)];
        curves.extend(reference.iter().map(|y| curve("reference", y, 1)));
        let low = curves.iter().map(|c| lowest(&c.y)).fold(f64::INFINITY, f64::min);
        let high = curves.iter().map(|c| highest(&c.y)).fold(f64::NEG_INFINITY, f64::max);
        draw(curves, Axis::linear_with_margin(low, high), svg, r, &format!("{letter}{name}({})", x.name))
    });
    let mut panels = vec![Panel { right: RIGHT_OF_CHART, draw: solution }];
    if let Some((error, axis)) = error_of(run, name, &shape)? {
        let draw: Draw<'a> = Box::new(move |svg, r, letter| {
            let title = format!("{letter}absolute error of {name}({})", x.name);
            draw(vec![Curve { dash: "", ..curve("error", &error, 1) }], axis, svg, r, &title)
        });
        panels.push(Panel { right: RIGHT_OF_CHART, draw });
    }
    Ok(panels)
}

/// Loss terms against the step, if there are any.
fn convergence(run: &Checkpoint) -> Result<Option<Panel<'_>>, PlotError> {
    let Some(step) = run.datasets.get("history/step") else {
        return Ok(None);
    };
    let shape = [step.len()];
    let steps = numbers("history/step", step, &shape)?;
    let stages = optional(run, "history/stage", &shape)?;
    let mut terms = Vec::new();
    for (name, tensor) in run.group("history").filter(|(name, _)| !matches!(*name, "step" | "stage")) {
        let values = numbers(&format!("history/{name}"), tensor, &shape)?;
        if values.iter().any(|value| value.is_finite() && *value > 0.0) {
            terms.push((name, values));
        }
    }
    if terms.is_empty() {
        return Ok(None);
    }
    let is_total = |name: &str| matches!(name, "total" | "loss");
    // A single term that is the whole would hide it.
    if let [(a, x), (b, y)] = &terms[..]
        && is_total(a) != is_total(b)
        && x == y
    {
        terms.retain(|(name, _)| is_total(name));
    }
    // The whole comes first, so that its parts are drawn over it.
    terms.sort_by_key(|(name, _)| !is_total(name));
    let totals = terms.iter().filter(|(name, _)| is_total(name)).count();
    let positive =
        || terms.iter().flat_map(|(_, values)| values).copied().filter(|x| x.is_finite() && *x > 0.0);
    let axis =
        Axis::log_with_margin(positive().fold(f64::INFINITY, f64::min), positive().fold(0.0, f64::max));
    let marks = marks(run, &steps, stages.as_deref());
    let draw: Draw<'_> = Box::new(move |svg, r, letter| {
        let curve = |(i, (name, y)): (usize, &(&str, Vec<f64>))| {
            let number = i.saturating_sub(totals);
            let colour = if i < totals { "#000000" } else { COLOURS[number % COLOURS.len()] };
            let width = if i < totals { 2.2 } else { 1.1 };
            let dash = DASHES[(number / COLOURS.len()) % DASHES.len()];
            Curve { name: (*name).to_owned(), x: &steps, y: y.clone(), colour, width, dash }
        };
        let curves = terms.iter().enumerate().map(curve).collect();
        let x = ("step", Axis::linear(lowest(&steps), highest(&steps)));
        let chart = Chart { curves, x, y: ("loss", axis), marks: marks.clone() };
        panel::chart(svg, r, &format!("{letter}convergence"), &chart);
        Ok(())
    });
    Ok(Some(Panel { right: RIGHT_OF_CHART, draw }))
}

/// Where a stage of the optimiser begins, and its name.
fn marks(run: &Checkpoint, steps: &[f64], stages: Option<&[f64]>) -> Vec<(f64, String)> {
    let Some(stages) = stages else {
        return Vec::new();
    };
    let names: Vec<&str> = match run.attributes.get("stages") {
        Some(Attribute::Text(text)) => text.split(',').map(str::trim).collect(),
        _ => Vec::new(),
    };
    let name = |stage: f64| match names.get(stage as usize) {
        Some(name) => (*name).to_owned(),
        None => format!("stage {}", stage as i64),
    };
    let begins = steps.iter().zip(stages.windows(2)).filter(|(_, pair)| pair[0] != pair[1]);
    begins.map(|(&step, pair)| (step, name(pair[1]))).collect()
}

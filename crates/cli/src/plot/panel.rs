//! Panels: a heat map with its colour bar, and curves with their legend.

use super::axis::Axis;
use super::svg::{Anchor, Raster, Rect, Stroke, Svg, Text};
use colorgrad::Gradient;

/// Distance from a frame to the labels of its ticks.
const TICK: f64 = 4.0;
const FRAME: Stroke<'static> = Stroke { colour: "#202020", width: 0.8, dash: "" };
const GRID: Stroke<'static> = Stroke { colour: "#e4e4e4", width: 0.6, dash: "" };
const SMALL: Text = Text { size: 10.5, anchor: Anchor::Middle, bold: false, upwards: false };
const LABEL: Text = Text { size: 12.0, ..SMALL };
const TITLE: Text = Text { size: 12.5, anchor: Anchor::Start, ..SMALL };

/// The width of a colour bar, and its distance from the heat map.
const BAR: (f64, f64) = (11.0, 9.0);

/// The greatest number of pixels along one side of a heat map.
const RASTER_MAX: usize = 1024;

/// A field over two coordinates.
pub struct Heat<'a> {
    /// Values, row-major: the first coordinate is the slow one.
    pub values: &'a [f64],
    /// The first coordinate, drawn from left to right.
    pub across: (&'a str, &'a [f64]),
    /// The second coordinate, drawn from bottom to top.
    pub up: (&'a str, &'a [f64]),
    /// Values to colours.
    pub colours: Axis,
    /// The colour map.
    pub gradient: &'a dyn Gradient,
}

/// One line of a chart.
pub struct Curve<'a> {
    pub name: String,
    pub x: &'a [f64],
    pub y: Vec<f64>,
    pub colour: &'static str,
    pub width: f64,
    pub dash: &'static str,
}

/// Lines over one axis.
pub struct Chart<'a> {
    pub curves: Vec<Curve<'a>>,
    pub x: (&'a str, Axis),
    pub y: (&'a str, Axis),
    /// Places along x with a name, drawn as dotted lines.
    pub marks: Vec<(f64, String)>,
}

/// Draws a heat map in `r`, which is the frame of the map alone.
pub fn heat(svg: &mut Svg, r: Rect, title: &str, heat: &Heat<'_>) -> Result<(), png::EncodingError> {
    svg.image(r, &raster(heat))?;
    let across = Axis::linear(lowest(heat.across.1), highest(heat.across.1));
    let up = Axis::linear(lowest(heat.up.1), highest(heat.up.1));
    frame(svg, r, title, (heat.across.0, &across), (heat.up.0, &up));
    let bar = Rect { x: r.x + r.w + BAR.1, y: r.y, w: BAR.0, h: r.h };
    let shades = 256_u32;
    let rgba = (0..shades).rev().flat_map(|i| heat.gradient.at(i as f32 / (shades - 1) as f32).to_rgba8());
    svg.image(bar, &Raster { width: 1, height: shades, rgba: rgba.collect() })?;
    svg.rect(bar, "none", 1.0, Some(FRAME));
    for tick in heat.colours.ticks(6) {
        let y = bar.y + bar.h * (1.0 - tick.at);
        let length = if tick.label.is_empty() { TICK * 0.5 } else { TICK };
        svg.line((bar.x + bar.w, y), (bar.x + bar.w + length, y), FRAME);
        svg.text((bar.x + bar.w + TICK + 3.0, y + 3.7), &tick.label, Text { anchor: Anchor::Start, ..SMALL });
    }
    Ok(())
}

/// The map's pixels: each takes the value of the grid point that is nearest along both coordinates.
fn raster(heat: &Heat<'_>) -> Raster {
    let (width, height) = (resolution(heat.across.1), resolution(heat.up.1));
    let columns = nearest(heat.across.1, width);
    let mut rows = nearest(heat.up.1, height);
    rows.reverse();
    let mut rgba = Vec::with_capacity(4 * width * height);
    for row in &rows {
        for column in &columns {
            let value = heat.values[column * heat.up.1.len() + row];
            // What has no place on a logarithmic axis, as an error of 0, has the lowest colour.
            let at = heat.colours.place(value).unwrap_or(0.0).clamp(0.0, 1.0) as f32;
            let grey = [200, 200, 200, 255];
            rgba.extend(if value.is_finite() { heat.gradient.at(at).to_rgba8() } else { grey });
        }
    }
    Raster { width: width as u32, height: height as u32, rgba }
}

/// Pixels for a coordinate: a few for every grid point.
fn resolution(coordinate: &[f64]) -> usize {
    let points = coordinate.len().max(1);
    (RASTER_MAX / points).max(1).saturating_mul(points).min(RASTER_MAX)
}

/// For each of `count` places along an ordered `coordinate`, the index of the nearest point.
fn nearest(coordinate: &[f64], count: usize) -> Vec<usize> {
    let (low, high) = (lowest(coordinate), highest(coordinate));
    let descending = coordinate.first() > coordinate.last();
    let at = |i: usize| {
        if descending { coordinate[coordinate.len() - 1 - i] } else { coordinate[i] }
    };
    let mut index = 0;
    (0..count)
        .map(|pixel| {
            let value = low + (high - low) * (pixel as f64 + 0.5) / count as f64;
            while index + 1 < coordinate.len() && (at(index + 1) - value).abs() <= (at(index) - value).abs() {
                index += 1;
            }
            if descending { coordinate.len() - 1 - index } else { index }
        })
        .collect()
}

/// Draws curves in `r`, which is the frame.
pub fn chart(svg: &mut Svg, r: Rect, title: &str, chart: &Chart<'_>) {
    for tick in chart.y.1.ticks(6).iter().filter(|tick| !tick.label.is_empty()) {
        let y = r.y + r.h * (1.0 - tick.at);
        svg.line((r.x, y), (r.x + r.w, y), GRID);
    }
    for (value, name) in &chart.marks {
        let Some(at) = chart.x.1.place(*value) else {
            continue;
        };
        let x = r.x + r.w * at;
        svg.line((x, r.y), (x, r.y + r.h), Stroke { colour: "#808080", width: 0.8, dash: "2 2.5" });
        let style = Text { anchor: Anchor::Start, upwards: true, size: 9.5, ..SMALL };
        svg.text((x + 10.0, r.y + r.h - 5.0), name, style);
    }
    for curve in &chart.curves {
        let stroke = Stroke { colour: curve.colour, width: curve.width, dash: curve.dash };
        svg.path(points(r, chart, curve), stroke);
    }
    frame(svg, r, title, (chart.x.0, &chart.x.1), (chart.y.0, &chart.y.1));
    if chart.curves.len() > 1 {
        legend(svg, r, &chart.curves);
    }
}

/// The points of a curve; what is beyond the axis is drawn at its end. Of the many that fall on one column of pixels, the first, the lowest,
/// the highest and the last are drawn: no more can be seen.
fn points(r: Rect, chart: &Chart<'_>, curve: &Curve<'_>) -> Vec<Option<(f64, f64)>> {
    let place = |(&x, &y): (&f64, &f64)| {
        let (across, up) = (chart.x.1.place(x)?, chart.y.1.place(y)?);
        Some((r.x + r.w * across, r.y + r.h * (1.0 - up.clamp(0.0, 1.0))))
    };
    let all: Vec<Option<(f64, f64)>> = curve.x.iter().zip(&curve.y).map(place).collect();
    // Half units: a picture has two pixels to a unit.
    let column = |point: &Option<(f64, f64)>| point.map(|(x, _)| (2.0 * x).floor() as i64);
    let mut seen = Vec::new();
    for group in all.chunk_by(|a, b| column(a) == column(b)) {
        if group.len() <= 4 {
            seen.extend_from_slice(group);
            continue;
        }
        let y = |i: &usize| group[*i].map_or(0.0, |(_, y)| y);
        let low = (0..group.len()).min_by(|a, b| y(a).total_cmp(&y(b))).unwrap_or(0);
        let high = (0..group.len()).max_by(|a, b| y(a).total_cmp(&y(b))).unwrap_or(0);
        let mut keep = [0, low.min(high), low.max(high), group.len() - 1].to_vec();
        keep.dedup();
        seen.extend(keep.into_iter().map(|i| group[i]));
    }
    seen
}

fn legend(svg: &mut Svg, r: Rect, curves: &[Curve<'_>]) {
    let longest = curves.iter().map(|curve| text_width(&curve.name, SMALL.size)).fold(0.0, f64::max);
    let line = 15.0;
    let w = 39.0 + longest;
    let h = 7.0 + line * curves.len() as f64;
    let area = Rect { x: r.x + r.w - w - 6.0, y: r.y + 6.0, w, h };
    svg.rect(area, "white", 0.85, Some(Stroke { colour: "#c8c8c8", width: 0.6, dash: "" }));
    for (i, curve) in curves.iter().enumerate() {
        let y = area.y + 11.0 + line * i as f64;
        let stroke = Stroke { colour: curve.colour, width: curve.width.max(1.4), dash: curve.dash };
        svg.line((area.x + 6.0, y), (area.x + 28.0, y), stroke);
        svg.text((area.x + 33.0, y + 3.7), &curve.name, Text { anchor: Anchor::Start, ..SMALL });
    }
}

/// The width of `text` in DejaVu Sans of `size`, or a little more: its advance widths, by kind of letter.
fn text_width(text: &str, size: f64) -> f64 {
    let ems = text.chars().map(|c| match c {
        'i' | 'j' | 'l' | 'I' | '.' | ',' | ':' | ';' | '\'' | '|' => 0.34,
        'f' | 't' | 'r' | ' ' | '(' | ')' | '[' | ']' | '-' | '/' => 0.42,
        'm' | 'M' | 'W' | '%' | '@' => 1.0,
        'w' => 0.82,
        'A'..='Z' => 0.79,
        c if c.is_ascii() => 0.65,
        _ => 0.9,
    });
    size * ems.sum::<f64>()
}

/// The frame with ticks, labels and title.
fn frame(svg: &mut Svg, r: Rect, title: &str, across: (&str, &Axis), up: (&str, &Axis)) {
    svg.rect(r, "none", 1.0, Some(FRAME));
    let bottom = r.y + r.h;
    for tick in across.1.ticks(5) {
        let x = r.x + r.w * tick.at;
        let length = if tick.label.is_empty() { TICK * 0.5 } else { TICK };
        svg.line((x, bottom), (x, bottom + length), FRAME);
        svg.text((x, bottom + TICK + 11.5), &tick.label, SMALL);
    }
    let mut widest = 0;
    for tick in up.1.ticks(6) {
        let y = bottom - r.h * tick.at;
        let length = if tick.label.is_empty() { TICK * 0.5 } else { TICK };
        svg.line((r.x - length, y), (r.x, y), FRAME);
        svg.text((r.x - TICK - 3.0, y + 3.7), &tick.label, Text { anchor: Anchor::End, ..SMALL });
        widest = widest.max(tick.label.chars().count());
    }
    svg.text((r.x + r.w / 2.0, bottom + 33.0), across.0, LABEL);
    svg.text((r.x - 16.0 - 6.4 * widest as f64, r.y + r.h / 2.0), up.0, Text { upwards: true, ..LABEL });
    svg.text((r.x, r.y - 9.0), title, TITLE);
}

/// The least number in `values` that is finite; 0 where none is.
pub fn lowest(values: &[f64]) -> f64 {
    values.iter().copied().filter(|x| x.is_finite()).reduce(f64::min).unwrap_or(0.0)
}

/// The greatest number in `values` that is finite; 0 where none is.
pub fn highest(values: &[f64]) -> f64 {
    values.iter().copied().filter(|x| x.is_finite()).reduce(f64::max).unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_point_wins_whatever_the_spacing_and_direction() {
        assert_eq!(nearest(&[0.0, 1.0], 4), [0, 0, 1, 1]);
        assert_eq!(nearest(&[1.0, 0.0], 4), [1, 1, 0, 0]);
        assert_eq!(nearest(&[0.0, 0.1, 1.0], 10), [1, 1, 1, 1, 1, 2, 2, 2, 2, 2]);
        assert_eq!(nearest(&[5.0], 3), [0, 0, 0]);
    }
}

//! A drawing, built as SVG text and turned into pixels without any font of the system.
//!
//! The font is DejaVu Sans from the `dejavu` crate (free licence of Bitstream Vera), because a
//! compute node has no fonts and no fontconfig, and because it has Greek letters, superscripts and
//! mathematical signs. `resvg` draws: it shapes and places text properly, where `plotters` with
//! `ab_glyph` rounds every glyph to whole pixels, and the same text serves as a vector picture.

use base64::Engine as _;
use resvg::{tiny_skia, usvg};
use std::fmt::Write as _;
use std::sync::Arc;

/// The family that every text asks for.
const FONT: &str = "DejaVu Sans";

/// A rectangle: left, top, width, height, in units of 1/96 inch.
#[derive(Clone, Copy, Debug)]
pub struct Rect {
    pub x: f64,
    pub y: f64,
    pub w: f64,
    pub h: f64,
}

/// Where a text stands against its point.
#[derive(Clone, Copy, Debug)]
pub enum Anchor {
    Start,
    Middle,
    End,
}

/// How a text looks.
#[derive(Clone, Copy, Debug)]
pub struct Text {
    /// Height of the font.
    pub size: f64,
    pub anchor: Anchor,
    pub bold: bool,
    /// Whether it reads from bottom to top.
    pub upwards: bool,
}

/// How a line looks.
#[derive(Clone, Copy, Debug)]
pub struct Stroke<'a> {
    pub colour: &'a str,
    pub width: f64,
    /// SVG's dash pattern; empty for a whole line.
    pub dash: &'a str,
}

/// A drawing under way.
#[derive(Debug, Default)]
pub struct Svg {
    body: String,
}

/// Pixels, row by row from the top, red, green, blue, opacity.
#[derive(Clone, Debug)]
pub struct Raster {
    pub width: u32,
    pub height: u32,
    pub rgba: Vec<u8>,
}

impl Svg {
    /// The whole picture as SVG text on a white ground.
    pub fn finish(self, width: f64, height: f64) -> String {
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=\"http://www.w3.org/1999/xlink\" \
             width=\"{width:.0}\" height=\"{height:.0}\" viewBox=\"0 0 {width:.0} {height:.0}\" \
             font-family=\"{FONT}, sans-serif\" fill=\"none\">\n\
             <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n{}</svg>\n",
            self.body
        )
    }

    pub fn rect(&mut self, r: Rect, fill: &str, opacity: f64, stroke: Option<Stroke<'_>>) {
        let stroke = stroke.map(attributes).unwrap_or_default();
        self.push(format_args!(
            "<rect x=\"{:.2}\" y=\"{:.2}\" width=\"{:.2}\" height=\"{:.2}\" fill=\"{fill}\" \
             fill-opacity=\"{opacity}\"{stroke}/>",
            r.x, r.y, r.w, r.h
        ));
    }

    pub fn line(&mut self, from: (f64, f64), to: (f64, f64), stroke: Stroke<'_>) {
        self.push(format_args!(
            "<line x1=\"{:.2}\" y1=\"{:.2}\" x2=\"{:.2}\" y2=\"{:.2}\"{}/>",
            from.0,
            from.1,
            to.0,
            to.1,
            attributes(stroke)
        ));
    }

    /// A line through `points`, broken where one of them is `None`.
    pub fn path(&mut self, points: impl IntoIterator<Item = Option<(f64, f64)>>, stroke: Stroke<'_>) {
        let mut data = String::new();
        let mut begun = false;
        for point in points {
            if let Some((x, y)) = point {
                let command = if begun { 'L' } else { 'M' };
                // Writing to a string cannot fail.
                let _ = write!(data, "{command}{x:.2} {y:.2}");
            }
            begun = point.is_some();
        }
        self.push(format_args!("<path stroke-linejoin=\"round\" d=\"{data}\"{}/>", attributes(stroke)));
    }

    pub fn text(&mut self, at: (f64, f64), text: &str, style: Text) {
        let anchor = match style.anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let weight = if style.bold { " font-weight=\"bold\"" } else { "" };
        let turn = if style.upwards {
            format!(" transform=\"rotate(-90 {:.2} {:.2})\"", at.0, at.1)
        } else {
            String::new()
        };
        self.push(format_args!(
            "<text x=\"{:.2}\" y=\"{:.2}\" font-size=\"{}\" text-anchor=\"{anchor}\" fill=\"black\"{weight}{turn}>{}</text>",
            at.0,
            at.1,
            style.size,
            escaped(text)
        ));
    }

    /// Pixels stretched over `r`, without smoothing.
    pub fn image(&mut self, r: Rect, raster: &Raster) -> Result<(), png::EncodingError> {
        let data = base64::engine::general_purpose::STANDARD.encode(encode_png(raster, None)?);
        self.push(format_args!(
            "<image x=\"{:.2}\" y=\"{:.2}\" width=\"{:.2}\" height=\"{:.2}\" preserveAspectRatio=\"none\" \
             image-rendering=\"optimizeSpeed\" xlink:href=\"data:image/png;base64,{data}\"/>",
            r.x, r.y, r.w, r.h
        ));
        Ok(())
    }

    fn push(&mut self, element: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.body, "{element}");
    }
}

fn attributes(stroke: Stroke<'_>) -> String {
    let dash =
        if stroke.dash.is_empty() { String::new() } else { format!(" stroke-dasharray=\"{}\"", stroke.dash) };
    format!(" stroke=\"{}\" stroke-width=\"{}\"{dash}", stroke.colour, stroke.width)
}

/// Text that XML reads as itself.
fn escaped(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '<' => "&lt;".to_owned(),
            '>' => "&gt;".to_owned(),
            '&' => "&amp;".to_owned(),
            // XML has no way to write most control characters.
            c if c.is_control() => '\u{FFFD}'.to_string(),
            c => c.to_string(),
        })
        .collect()
}

/// The picture `svg` as a PNG file, `scale` pixels to a unit.
pub fn to_png(svg: &str, scale: f32) -> Result<Vec<u8>, String> {
    let mut options = usvg::Options::default();
    let fonts = Arc::make_mut(&mut options.fontdb);
    fonts.load_font_data(dejavu::sans::regular().to_vec());
    fonts.load_font_data(dejavu::sans::bold().to_vec());
    let tree = usvg::Tree::from_str(svg, &options).map_err(|error| error.to_string())?;
    let size = tree.size().to_int_size().scale_by(scale).ok_or("its size must be positive")?;
    let mut pixels =
        tiny_skia::Pixmap::new(size.width(), size.height()).ok_or("its size must fit in memory")?;
    resvg::render(&tree, tiny_skia::Transform::from_scale(scale, scale), &mut pixels.as_mut());
    // The ground is opaque, so premultiplied colours are the plain ones.
    let raster = Raster { width: size.width(), height: size.height(), rgba: pixels.take() };
    encode_png(&raster, Some(scale)).map_err(|error| error.to_string())
}

/// A PNG file of `raster`; with `scale`, it says how large it is on paper.
fn encode_png(raster: &Raster, scale: Option<f32>) -> Result<Vec<u8>, png::EncodingError> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, raster.width, raster.height);
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_depth(png::BitDepth::Eight);
    if let Some(scale) = scale {
        let per_metre = (96.0 * scale / 0.0254).round() as u32;
        encoder.set_pixel_dims(Some(png::PixelDimensions {
            xppu: per_metre,
            yppu: per_metre,
            unit: png::Unit::Meter,
        }));
    }
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&raster.rgba)?;
    writer.finish()?;
    Ok(bytes)
}

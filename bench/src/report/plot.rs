//! Plots as inline SVG: a frame with a few round numbers on its axes, and bars or lines in it.

use std::fmt::Write;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 252.0;
/// Margin for the numbers of the axis.
const LEFT: f64 = 52.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 44.0;

/// A series, drawn in the n-th colour of the page.
pub struct Series<'a> {
    pub name: &'a str,
    pub points: Vec<(f64, f64)>,
    pub colour: usize,
}

/// Title and axis labels, drawn and also given as text for screen readers.
pub struct Frame<'a> {
    pub title: &'a str,
    pub x: &'a str,
    pub y: &'a str,
    /// Minimum length of the x axis, so that plots of the same period can be compared.
    pub until: f64,
}

/// How a line connects two points.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Straight,
    /// A value holds until the next one.
    Steps,
}

/// Draws lines over a common axis that begins at 0.
pub fn lines(frame: &Frame, series: &[Series], way: Way) -> String {
    finish(frame, &paths(frame, series, way), series)
}

/// Draws the same as a standalone picture, for a page without the report's style sheet.
pub fn drawing(frame: &Frame, series: &[Series], way: Way) -> String {
    let (title, y, x) = (escape(frame.title), escape(frame.y), escape(frame.x));
    let paths = paths(frame, series, way);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 -28 {WIDTH} {}\" role=\"img\" aria-label=\"{title}, {y}, over {x}\">\
         <style>{}</style><rect class=\"paper\" y=\"-28\" width=\"100%\" height=\"100%\"/>\
         <text class=\"title\" x=\"{LEFT}\" y=\"-8\">{title}, {y}</text>{paths}</svg>\n",
        HEIGHT + 28.0,
        include_str!("drawing.css")
    )
}

fn paths(frame: &Frame, series: &[Series], way: Way) -> String {
    let all = || series.iter().flat_map(|series| &series.points);
    let most_x = all().map(|(x, _)| *x).fold(frame.until, f64::max);
    let most_y = all().map(|(_, y)| *y).fold(0.0, f64::max);
    let canvas = Canvas::new(most_x, most_y);
    let mut drawn = canvas.frame(frame);
    for series in series {
        let mut path = String::new();
        for (n, (x, y)) in series.points.iter().enumerate() {
            let (x, y) = (canvas.x(*x), canvas.y(*y));
            let _ = match way {
                _ if n == 0 => write!(path, "M{x:.1} {y:.1}"),
                Way::Straight => write!(path, "L{x:.1} {y:.1}"),
                Way::Steps => write!(path, "H{x:.1}V{y:.1}"),
            };
        }
        let _ = write!(
            drawn,
            "<path class=\"line c{}\" d=\"{path}\"><title>{}</title></path>",
            series.colour,
            escape(series.name)
        );
    }
    drawn
}

/// Draws bars of the given width in units of the x axis; `level` is a reference line.
pub fn bars(frame: &Frame, series: &Series, width: f64, level: Option<(f64, &str)>) -> String {
    let most_x = series
        .points
        .iter()
        .map(|(x, _)| x + width)
        .fold(frame.until, f64::max);
    let most_y = series.points.iter().map(|(_, y)| *y).fold(0.0, f64::max);
    let canvas = Canvas::new(
        most_x,
        most_y.max(level.map_or(0.0, |(level, _)| level * 1.1)),
    );
    let mut drawn = canvas.frame(frame);
    for (x, y) in series.points.iter().filter(|(_, y)| *y > 0.0) {
        let (left, right) = (canvas.x(*x), canvas.x(x + width));
        let _ = write!(
            drawn,
            "<rect class=\"bar c{}\" x=\"{left:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\"/>",
            series.colour,
            canvas.y(*y),
            (right - left - 1.0).max(0.8),
            canvas.y(0.0) - canvas.y(*y)
        );
    }
    if let Some((level, name)) = level {
        let y = canvas.y(level);
        let _ = write!(
            drawn,
            "<line class=\"level\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            WIDTH - RIGHT,
            WIDTH - RIGHT,
            y - 4.0,
            escape(name)
        );
    }
    finish(frame, &drawn, &[])
}

/// Draws bars with a name each instead of an x axis with numbers.
pub fn named_bars(frame: &Frame, bars: &[(String, f64)]) -> String {
    let most = bars.iter().map(|(_, value)| *value).fold(0.0, f64::max);
    let canvas = Canvas::new(bars.len() as f64, most);
    let mut drawn = canvas.frame_y(frame);
    for (n, (name, value)) in bars.iter().enumerate() {
        let (left, right) = (canvas.x(n as f64), canvas.x(n as f64 + 1.0));
        let _ = write!(
            drawn,
            "<rect class=\"bar c0\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\"><title>{}: {value}</title></rect>\
             <text class=\"name\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            left + 1.0,
            canvas.y(*value),
            right - left - 2.0,
            canvas.y(0.0) - canvas.y(*value),
            escape(name),
            (left + right) / 2.0,
            HEIGHT - BOTTOM + 18.0,
            escape(name)
        );
    }
    finish(frame, &drawn, &[])
}

/// Maps values to coordinates in the picture.
struct Canvas {
    most_x: f64,
    most_y: f64,
    step_x: f64,
    step_y: f64,
}

impl Canvas {
    fn new(most_x: f64, most_y: f64) -> Canvas {
        let (most_x, most_y) = (most_x.max(1e-9), most_y.max(1e-9));
        let step_y = step(most_y, 4.0);
        Canvas {
            most_x,
            most_y: (most_y / step_y).ceil() * step_y,
            step_x: step(most_x, 8.0),
            step_y,
        }
    }

    fn x(&self, value: f64) -> f64 {
        LEFT + value.max(0.0) / self.most_x * (WIDTH - LEFT - RIGHT)
    }

    fn y(&self, value: f64) -> f64 {
        HEIGHT - BOTTOM - value / self.most_y * (HEIGHT - TOP - BOTTOM)
    }

    fn frame(&self, frame: &Frame) -> String {
        let mut drawn = self.frame_y(frame);
        let ticks = (self.most_x / self.step_x + 1e-6).floor() as usize;
        for n in 0..=ticks {
            let value = n as f64 * self.step_x;
            let _ = write!(
                drawn,
                "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                self.x(value),
                HEIGHT - BOTTOM + 18.0,
                number(value)
            );
        }
        drawn
    }

    fn frame_y(&self, frame: &Frame) -> String {
        let mut drawn = String::new();
        let ticks = (self.most_y / self.step_y + 1e-6).floor() as usize;
        for n in 0..=ticks {
            let value = n as f64 * self.step_y;
            let y = self.y(value);
            let _ = write!(
                drawn,
                "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                WIDTH - RIGHT,
                LEFT - 6.0,
                y + 4.0,
                number(value)
            );
        }
        let _ = write!(
            drawn,
            "<text class=\"axis\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            WIDTH - RIGHT,
            HEIGHT - 4.0,
            escape(frame.x)
        );
        drawn
    }
}

fn finish(frame: &Frame, drawn: &str, series: &[Series]) -> String {
    let mut legend = String::new();
    for series in series.iter().filter(|series| !series.name.is_empty()) {
        let _ = write!(
            legend,
            "<span class=\"key c{}\">{}</span>",
            series.colour,
            escape(series.name)
        );
    }
    let title = escape(frame.title);
    let y = escape(frame.y);
    format!(
        "<figure><figcaption><strong>{title}</strong> <span class=\"unit\">{y}</span>{legend}</figcaption>\
         <svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{title}, {y}, over {}\">{drawn}</svg></figure>\n",
        escape(frame.x)
    )
}

/// Returns a round distance (1, 2 or 5 times a power of ten) that gives about this many marks.
fn step(most: f64, marks: f64) -> f64 {
    let rough = most / marks;
    let power = 10f64.powf(rough.log10().floor());
    let first = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .find(|first| first * power >= rough);
    first.unwrap_or(10.0) * power
}

fn number(value: f64) -> String {
    match value {
        value if value >= 1e6 => format!("{}M", trimmed(value / 1e6)),
        value if value >= 1e4 => format!("{}k", trimmed(value / 1e3)),
        value => trimmed(value),
    }
}

fn trimmed(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Escapes text for use in HTML and SVG.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_round_and_few() {
        for (most, expected) in [(10.0, 5.0), (7.0, 2.0), (0.3, 0.1), (900.0, 500.0)] {
            assert!((step(most, 4.0) - expected).abs() < 1e-9, "{most}");
        }
        assert_eq!(number(12_500.0), "12.5k");
        assert_eq!(number(0.25), "0.25");
    }

    #[test]
    fn nothing_to_show_is_still_a_plot() {
        let frame = Frame {
            title: "a <b>",
            x: "s",
            y: "n",
            until: 0.0,
        };
        let series = Series {
            name: "none",
            points: vec![],
            colour: 0,
        };
        for svg in [
            lines(&frame, &[], Way::Steps),
            drawing(&frame, &[], Way::Steps),
            bars(&frame, &series, 1.0, None),
            named_bars(&frame, &[]),
        ] {
            assert!(svg.contains("<svg") && svg.contains("a &lt;b&gt;"));
            assert!(!svg.contains("NaN") && !svg.contains("inf"));
        }
    }
}

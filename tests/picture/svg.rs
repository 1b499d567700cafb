//! A board as SVG text: frames, titles, lines with their legend, bars, alarms. It decides nothing about the data.

use std::fmt::Write as _;

use crate::board::{Board, Content, STEP, Series, Widget};

/// Pixels of a column and of a row of the dashboard's grid.
const UNIT: [f64; 2] = [44.0, 36.0];
const COLUMNS: f64 = 24.0;
const HEADER: f64 = 44.0;
/// Between frames.
const GAP: f64 = 4.0;
/// The colours that a dashboard gives lines without one of their own.
const COLOURS: [&str; 6] = ["#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b"];

/// The whole picture.
pub(crate) fn draw(board: &Board) -> String {
    let bottom = board.widgets.iter().map(|widget| widget.place[1] + widget.place[3]).fold(0.0, f64::max);
    let (width, height) = (COLUMNS * UNIT[0], HEADER + bottom * UNIT[1]);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"Helvetica, Arial, sans-serif\" font-size=\"11\">\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#f2f3f3\"/>\n"
    );
    text(&mut out, [10.0, 19.0], "font-size=\"15\" font-weight=\"bold\"", &board.name);
    let seconds = board.span.1 - board.span.0;
    let note = format!(
        "Drawn by `make picture` from the deployed dashboard and what a local world counted in {seconds} s, in steps of {STEP} s instead of 300 s."
    );
    text(&mut out, [10.0, 35.0], "fill=\"#545b64\"", &note);
    for widget in &board.widgets {
        draw_widget(&mut out, widget, board.span);
    }
    out.push_str("</svg>\n");
    out
}

/// Left, top, width, height in pixels.
type Frame = [f64; 4];

fn draw_widget(out: &mut String, widget: &Widget, span: (i64, i64)) {
    let [x, y, width, height] = widget.place;
    let frame =
        [x * UNIT[0] + GAP, HEADER + y * UNIT[1] + GAP, width * UNIT[0] - 2.0 * GAP, height * UNIT[1] - 2.0 * GAP];
    let [left, top, width, height] = frame;
    let _ = writeln!(
        out,
        "<rect x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{height}\" fill=\"#fff\" stroke=\"#d5dbdb\"/>"
    );
    let fits = fitting(&widget.title, width - 16.0, 11.0);
    text(out, [left + 8.0, top + 16.0], &format!("font-weight=\"bold\" {fits}"), &widget.title);
    let inner = [left + 8.0, top + 24.0, width - 16.0, height - 32.0];
    match &widget.content {
        Content::Lines { series, unit } => lines(out, inner, series, unit, span),
        Content::Bars(found) => bars(out, inner, found),
        Content::Alarms(found) => alarms(out, inner, found),
        Content::Nothing(why) => text(out, [inner[0], inner[1] + 20.0], "fill=\"#879596\"", &format!("no data: {why}")),
    }
}

#[allow(clippy::cast_precision_loss, reason = "seconds of a few minutes")]
fn lines(out: &mut String, [left, top, width, height]: Frame, series: &[Series], unit: &str, span: (i64, i64)) {
    let highest = series.iter().flat_map(|one| &one.points).map(|(_, value)| *value).fold(0.0, f64::max);
    let (plot_left, plot_top, plot_bottom) = (left + 34.0, top + 6.0, top + height - 30.0);
    let plot_width = width - 38.0;
    let ceiling = if highest > 0.0 { highest * 1.1 } else { 1.0 };
    for share in [0.0, 0.5, 1.0] {
        let y = plot_bottom - share * (plot_bottom - plot_top) / 1.1;
        let _ = writeln!(out, "<path d=\"M{plot_left:.1} {y:.1}h{plot_width:.1}\" stroke=\"#eaeded\"/>");
        let value = share * highest;
        let shown = if value < 10.0 && value.fract() > 0.0 { format!("{value:.1}") } else { format!("{value:.0}") };
        text(out, [left, y + 4.0], "fill=\"#687078\" font-size=\"9\"", &format!("{shown} {unit}"));
    }
    let length = (span.1 - span.0).max(1) as f64;
    for (share, anchor) in [(0.0, "start"), (1.0, "end")] {
        let place = [plot_left + share * plot_width, plot_bottom + 11.0];
        let style = format!("fill=\"#687078\" font-size=\"9\" text-anchor=\"{anchor}\"");
        text(out, place, &style, &format!("{:.0} s", share * length));
    }
    let mut legend = left;
    for (at, one) in series.iter().enumerate() {
        let colour = one.colour.as_deref().unwrap_or(COLOURS[at % COLOURS.len()]);
        let place = |(at, value): &(i64, f64)| {
            let x = plot_left + (at - span.0).max(0) as f64 / length * plot_width;
            format!("{x:.1},{:.1}", plot_bottom - value / ceiling * (plot_bottom - plot_top))
        };
        let points: Vec<String> = one.points.iter().map(place).collect();
        let _ = writeln!(
            out,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\"/>",
            points.join(" ")
        );
        let _ = writeln!(
            out,
            "<rect x=\"{legend:.1}\" y=\"{:.1}\" width=\"8\" height=\"8\" fill=\"{colour}\"/>",
            top + height - 14.0
        );
        let label = if one.points.is_empty() { format!("{} (no data)", one.label) } else { one.label.clone() };
        text(out, [legend + 11.0, top + height - 6.0], "font-size=\"10\"", &label);
        legend += 20.0 + label.chars().count() as f64 * 5.2;
    }
}

fn bars(out: &mut String, [left, top, width, _]: Frame, found: &[(String, u32)]) {
    let highest = f64::from(found.iter().map(|(_, count)| *count).max().unwrap_or(1));
    let mut y = top + 8.0;
    for (name, count) in found {
        // The end of a repository says more than its registry's host.
        let name = name.split_once(".amazonaws.com/").map_or(name.as_str(), |(_, rest)| rest);
        text(out, [left, y + 11.0], "", name);
        let long = f64::from(*count) / highest * (width - 170.0);
        let _ = writeln!(
            out,
            "<rect x=\"{:.1}\" y=\"{y:.1}\" width=\"{long:.1}\" height=\"14\" fill=\"#1f77b4\"/>",
            left + 130.0
        );
        text(out, [left + 136.0 + long, y + 11.0], "", &count.to_string());
        y += 22.0;
    }
}

fn alarms(out: &mut String, [left, top, width, _]: Frame, found: &[(String, bool)]) {
    let mut x = left;
    #[allow(clippy::cast_precision_loss, reason = "nine alarms")]
    let each = width / found.len().max(1) as f64;
    for (name, rings) in found {
        let (colour, words) =
            if *rings { ("#d13212", format!("ALARM {name}")) } else { ("#1d8102", format!("OK {name}")) };
        let _ = writeln!(
            out,
            "<rect x=\"{x:.1}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"24\" fill=\"{colour}\" rx=\"3\"/>",
            each - 6.0
        );
        text(out, [x + 5.0, top + 16.0], &format!("fill=\"#fff\" {}", fitting(&words, each - 16.0, 10.0)), &words);
        x += each;
    }
}

/// A size at which the words most likely fit: nobody here knows the reader's font.
#[allow(clippy::cast_precision_loss, reason = "the length of a title")]
fn fitting(words: &str, width: f64, largest: f64) -> String {
    let size = (width / (words.chars().count().max(1) as f64 * 0.58)).min(largest);
    format!("font-size=\"{size:.1}\"")
}

fn text(out: &mut String, [x, y]: [f64; 2], style: &str, words: &str) {
    let words = words.replace('&', "&amp;").replace('<', "&lt;");
    let _ = writeln!(out, "<text x=\"{x:.1}\" y=\"{y:.1}\" {style}>{words}</text>");
}

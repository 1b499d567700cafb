//! A board as SVG text: frames, titles, lines with their legend, bars, alarms. It decides nothing about the data.

use std::fmt::Write as _;

use crate::board::{Board, Content, STEP, Series, Widget};

/// Pixels of a column and of a row of the dashboard's grid.
const UNIT: [f64; 2] = [44.0, 36.0];
const COLUMNS: f64 = 24.0;
const HEADER: f64 = 44.0;
/// Between frames.
const GAP: f64 = 4.0;
/// Of words and numbers beside a drawing.
const SMALL: f64 = 10.0;
/// The colours that a dashboard gives lines without one of their own.
const COLOURS: [&str; 6] = ["#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b"];

/// The whole picture.
pub(crate) fn draw(board: &Board) -> String {
    let bottom = board.widgets.iter().map(|widget| widget.place[1] + widget.place[3]).fold(0.0, f64::max);
    let (width, height) = (COLUMNS * UNIT[0], HEADER + bottom * UNIT[1]);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"Helvetica, Arial, 'DejaVu Sans', sans-serif\" font-size=\"11\">\n\
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
    // Bold letters are wider.
    let fits = fitting(&widget.title, (width - 16.0) / 1.12, 11.0);
    text(out, [left + 8.0, top + 16.0], &format!("font-weight=\"bold\" {fits}"), &widget.title);
    let inner = [left + 8.0, top + 24.0, width - 16.0, height - 32.0];
    match &widget.content {
        Content::Lines { series, unit } => lines(out, inner, series, unit, span),
        Content::Bars(found) => bars(out, inner, found),
        Content::Alarms(found) => alarms(out, inner, found),
        Content::Nothing(why) => nothing(out, inner, why),
    }
}

fn lines(out: &mut String, [left, top, width, height]: Frame, series: &[Series], unit: &str, span: (i64, i64)) {
    let rows = legend(series, width);
    let bottom = top + height - 14.0 * count(rows.len());
    for (row, entries) in rows.iter().enumerate() {
        for (at, label, x) in entries {
            let y = bottom + 14.0 * count(row) + 8.0;
            let colour = colour(&series[*at], *at);
            let _ = writeln!(
                out,
                "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"8\" height=\"8\" fill=\"{colour}\"/>",
                left + x,
                y - 7.5
            );
            text(out, [left + x + 12.0, y], &format!("font-size=\"{SMALL}\""), label);
        }
    }
    let highest = series.iter().flat_map(|one| &one.points).map(|(_, value)| *value).fold(0.0, f64::max);
    let numbers =
        [0.0, 0.5, 1.0].map(|share| (share, format!("{} {unit}", number(share * highest)).trim_end().to_owned()));
    let widest = numbers.iter().map(|(_, words)| wide(words, 9.0)).fold(0.0, f64::max);
    let plot = [left + widest + 6.0, top + 6.0, width - widest - 10.0, bottom - top - 26.0];
    axes(out, plot, &numbers, span);
    for (at, one) in series.iter().enumerate() {
        curve(out, plot, one, colour(one, at), highest, span);
    }
}

/// Rows of what fits beside each other: which series, its label, and where it begins.
fn legend(series: &[Series], width: f64) -> Vec<Vec<(usize, String, f64)>> {
    let mut rows = vec![Vec::new()];
    let mut x = 0.0;
    for (at, one) in series.iter().enumerate() {
        let label = if one.points.is_empty() { format!("{} (no data)", one.label) } else { one.label.clone() };
        let long = 12.0 + wide(&label, SMALL);
        if x > 0.0 && x + long > width {
            rows.push(Vec::new());
            x = 0.0;
        }
        if let Some(row) = rows.last_mut() {
            row.push((at, label, x));
        }
        x += long + 12.0;
    }
    rows
}

fn colour(series: &Series, at: usize) -> &str {
    series.colour.as_deref().unwrap_or(COLOURS[at % COLOURS.len()])
}

fn number(value: f64) -> String {
    if value < 10.0 && value.fract() > 0.0 { format!("{value:.1}") } else { format!("{value:.0}") }
}

/// Lines across with their numbers to the left, and the time below.
fn axes(out: &mut String, [left, top, width, height]: Frame, numbers: &[(f64, String)], span: (i64, i64)) {
    let grey = "fill=\"#687078\" font-size=\"9\"";
    for (share, words) in numbers {
        let y = top + height * (1.0 - share / 1.1);
        let _ = writeln!(out, "<path d=\"M{left:.1} {y:.1}h{width:.1}\" stroke=\"#eaeded\"/>");
        text(out, [left - 5.0, y + 3.0], &format!("{grey} text-anchor=\"end\""), words);
    }
    for (share, anchor) in [(0.0, "start"), (1.0, "end")] {
        let words = format!("{:.0} s", share * seconds(span));
        text(out, [left + share * width, top + height + 12.0], &format!("{grey} text-anchor=\"{anchor}\""), &words);
    }
}

#[allow(clippy::cast_precision_loss, reason = "seconds of a few minutes")]
fn seconds(span: (i64, i64)) -> f64 {
    (span.1 - span.0).max(1) as f64
}

#[allow(clippy::cast_precision_loss, reason = "seconds of a few minutes")]
fn curve(out: &mut String, plot: Frame, series: &Series, colour: &str, highest: f64, span: (i64, i64)) {
    let [left, top, width, height] = plot;
    let ceiling = if highest > 0.0 { highest * 1.1 } else { 1.0 };
    let place = |(at, value): &(i64, f64)| {
        let x = left + (at - span.0).max(0) as f64 / seconds(span) * width;
        format!("{x:.1},{:.1}", top + height * (1.0 - value / ceiling))
    };
    let points: Vec<String> = series.points.iter().map(place).collect();
    let _ = writeln!(
        out,
        "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\" stroke-linejoin=\"round\"/>",
        points.join(" ")
    );
}

fn bars(out: &mut String, [left, top, width, _]: Frame, found: &[(String, u32)]) {
    let highest = f64::from(found.iter().map(|(_, count)| *count).max().unwrap_or(1));
    let mut y = top + 8.0;
    for (name, count) in found {
        let fits = fitting(name, 126.0, 11.0);
        text(out, [left, y + 11.0], &fits, name);
        let long = f64::from(*count) / highest * (width - 170.0);
        let _ = writeln!(
            out,
            "<rect x=\"{:.1}\" y=\"{y:.1}\" width=\"{long:.1}\" height=\"14\" fill=\"#1f77b4\"/>",
            left + 132.0
        );
        text(out, [left + 138.0 + long, y + 11.0], "", &count.to_string());
        y += 22.0;
    }
}

fn alarms(out: &mut String, [left, top, width, _]: Frame, found: &[(String, bool)]) {
    let mut x = left;
    let each = width / count(found.len().max(1));
    for (name, rings) in found {
        let (colour, word) = if *rings { ("#d13212", "ALARM") } else { ("#1d8102", "OK") };
        let _ = writeln!(
            out,
            "<rect x=\"{x:.1}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"32\" fill=\"{colour}\" rx=\"3\"/>",
            each - 6.0
        );
        let fits = fitting(name, each - 16.0, SMALL);
        text(out, [x + 5.0, top + 13.0], &format!("fill=\"#fff\" {fits}"), name);
        text(out, [x + 5.0, top + 26.0], &format!("fill=\"#fff\" font-weight=\"bold\" font-size=\"{SMALL}\""), word);
        x += each;
    }
}

fn nothing(out: &mut String, [left, top, width, _]: Frame, why: &str) {
    let mut rows = vec!["no data:".to_owned()];
    for word in why.split(' ') {
        match rows.last_mut() {
            Some(row) if wide(&format!("{row} {word}"), 11.0) <= width => *row = format!("{row} {word}"),
            _ => rows.push(word.to_owned()),
        }
    }
    for (at, row) in rows.iter().enumerate() {
        text(out, [left, top + 20.0 + 16.0 * count(at)], "fill=\"#687078\"", row);
    }
}

#[allow(clippy::cast_precision_loss, reason = "a handful of things")]
fn count(of: usize) -> f64 {
    of as f64
}

/// How wide words most likely are: nobody here knows the reader's font, so as in a wide one.
fn wide(words: &str, size: f64) -> f64 {
    count(words.chars().count()) * size * 0.58
}

/// The largest size at which the words fit.
fn fitting(words: &str, width: f64, largest: f64) -> String {
    let size = (width / wide(words, 1.0).max(1.0)).min(largest);
    format!("font-size=\"{size:.1}\"")
}

fn text(out: &mut String, [x, y]: [f64; 2], style: &str, words: &str) {
    let words = words.replace('&', "&amp;").replace('<', "&lt;");
    let _ = writeln!(out, "<text x=\"{x:.1}\" y=\"{y:.1}\" {style}>{words}</text>");
}

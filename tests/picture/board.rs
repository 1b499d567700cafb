//! The dashboard as it was deployed, each widget filled with what `CloudWatch` and the function's log have. A widget whose
//! data the local world does not have says so.

use std::collections::BTreeMap;

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{Dimension, Metric, MetricDataQuery, MetricStat};
use local_world::addresses::Addresses;
use local_world::deploy::STACK;
use local_world::trouble::{Context, Result, Trouble};
use local_world::{counts, logs};
use serde_json::Value;

/// Seconds of a step; the dashboard's has 300.
pub(crate) const STEP: i32 = 5;
/// Most bars of a log widget.
const MOST_BARS: usize = 6;

/// A dashboard with its data.
pub(crate) struct Board {
    pub(crate) name: String,
    /// Seconds since 1970.
    pub(crate) span: (i64, i64),
    pub(crate) widgets: Vec<Widget>,
}

/// A widget and where it stands, in the dashboard's own units.
pub(crate) struct Widget {
    pub(crate) title: String,
    pub(crate) place: [f64; 4],
    pub(crate) content: Content,
}

pub(crate) enum Content {
    Lines {
        series: Vec<Series>,
        unit: String,
    },
    Bars(Vec<(String, u32)>),
    /// Name, and whether it rings.
    Alarms(Vec<(String, bool)>),
    Nothing(&'static str),
}

pub(crate) struct Series {
    pub(crate) label: String,
    pub(crate) colour: Option<String>,
    pub(crate) points: Vec<(i64, f64)>,
}

/// Reads it from the local AWS.
pub(crate) async fn read(world: &Addresses, span: (i64, i64)) -> Result<Board> {
    let client = counts::client(world);
    let name = format!("{STACK}-{}", world.region);
    let found =
        client.get_dashboard().dashboard_name(&name).send().await.while_doing(|| "reading the dashboard".to_owned())?;
    let body = found.dashboard_body().unwrap_or_default();
    let body: Value = serde_json::from_str(body).while_doing(|| "understanding the dashboard".to_owned())?;
    let mut widgets = Vec::new();
    for widget in body["widgets"].as_array().into_iter().flatten() {
        let place = ["x", "y", "width", "height"].map(|key| widget[key].as_f64().unwrap_or_default());
        let title = widget["properties"]["title"].as_str().unwrap_or_default().to_owned();
        widgets.push(Widget { title, place, content: content(world, &client, widget, span).await? });
    }
    Ok(Board { name, span, widgets })
}

async fn content(world: &Addresses, client: &Client, widget: &Value, span: (i64, i64)) -> Result<Content> {
    let properties = &widget["properties"];
    match widget["type"].as_str() {
        Some("alarm") => alarms(client).await,
        Some("log") => bars(world, properties["query"].as_str().unwrap_or_default()).await,
        _ => {
            let mut series = Vec::new();
            for metric in properties["metrics"].as_array().into_iter().flatten() {
                series.extend(lines(client, metric, span).await?);
            }
            let unit = properties["yAxis"]["left"]["label"].as_str().unwrap_or_default().to_owned();
            Ok(Content::Lines { series, unit })
        }
    }
}

async fn alarms(client: &Client) -> Result<Content> {
    let found = client.describe_alarms().alarm_name_prefix(format!("{STACK}-")).send().await;
    let found = found.while_doing(|| "reading the alarms".to_owned())?;
    let short = |name: &str| name.strip_prefix(&format!("{STACK}-")).unwrap_or(name).to_owned();
    let rings = |alarm: &aws_sdk_cloudwatch::types::MetricAlarm| {
        alarm.state_value().is_some_and(|state| state.as_str() == "ALARM")
    };
    Ok(Content::Alarms(
        found
            .metric_alarms()
            .iter()
            .map(|alarm| (short(alarm.alarm_name().unwrap_or_default()), rings(alarm)))
            .collect(),
    ))
}

/// `[namespace, metric, dimension, value, options]`, or `[{expression, label, color}]` with one search in it.
async fn lines(client: &Client, metric: &Value, span: (i64, i64)) -> Result<Vec<Series>> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let Some(expression) = metric[0]["expression"].as_str() else {
        let options = &metric[4];
        let statistic = options["stat"].as_str().unwrap_or("Sum");
        let points = points(
            client,
            [&text(&metric[0]), &text(&metric[1]), &text(&metric[2]), &text(&metric[3])],
            statistic,
            span,
        )
        .await?;
        return Ok(vec![Series { label: text(&options["label"]), colour: None, points }]);
    };
    let wrong = || Trouble::new(format!("this search is not understood: {expression}"));
    let inner = expression.split_once('{').and_then(|(_, rest)| rest.split_once('}')).ok_or_else(wrong)?;
    let (namespace, dimension) = inner.0.split_once(',').ok_or_else(wrong)?;
    let name = inner.1.split('"').nth(1).ok_or_else(wrong)?;
    let statistic = inner.1.split('\'').nth(2).ok_or_else(wrong)?;
    let mut found = Vec::new();
    for value in values(client, namespace, name, dimension).await? {
        let points = points(client, [namespace, name, dimension, &value], statistic, span).await?;
        found.push(Series { label: value, colour: metric[0]["color"].as_str().map(str::to_owned), points });
    }
    let label = text(&metric[0]["label"]);
    Ok(if expression.starts_with("SUM(") {
        vec![summed(found, label, metric[0]["color"].as_str())]
    } else {
        labelled(found, &label)
    })
}

/// The service puts the label before the name of each series that a search finds.
fn labelled(mut found: Vec<Series>, label: &str) -> Vec<Series> {
    for series in &mut found {
        series.label = format!("{label}{}", series.label);
    }
    found
}

fn summed(found: Vec<Series>, label: String, colour: Option<&str>) -> Series {
    let mut sums: BTreeMap<i64, f64> = BTreeMap::new();
    for (at, value) in found.into_iter().flat_map(|series| series.points) {
        *sums.entry(at).or_default() += value;
    }
    Series { label, colour: colour.map(str::to_owned), points: sums.into_iter().collect() }
}

/// Values of a dimension that there is data for.
async fn values(client: &Client, namespace: &str, name: &str, dimension: &str) -> Result<Vec<String>> {
    let found = client.list_metrics().namespace(namespace).metric_name(name).send().await;
    let found = found.while_doing(|| format!("listing {name}"))?;
    let dimensions = found.metrics().iter().flat_map(Metric::dimensions);
    let mut values: Vec<String> = dimensions
        .filter(|one| one.name() == Some(dimension))
        .filter_map(|one| one.value().map(str::to_owned))
        .collect();
    values.sort();
    values.dedup();
    Ok(values)
}

async fn points(
    client: &Client,
    [namespace, name, dimension, value]: [&str; 4],
    statistic: &str,
    span: (i64, i64),
) -> Result<Vec<(i64, f64)>> {
    let metric = Metric::builder()
        .namespace(namespace)
        .metric_name(name)
        .dimensions(Dimension::builder().name(dimension).value(value).build())
        .build();
    let stat = MetricStat::builder().metric(metric).period(STEP).stat(statistic).build();
    let query = MetricDataQuery::builder().id("m").metric_stat(stat).build();
    let asked = client.get_metric_data().start_time(DateTime::from_secs(span.0)).end_time(DateTime::from_secs(span.1));
    let found = asked.metric_data_queries(query).send().await.while_doing(|| format!("reading {name}"))?;
    let results = found.metric_data_results().iter();
    Ok(results.flat_map(|one| one.timestamps().iter().map(DateTime::secs).zip(one.values().iter().copied())).collect())
}

/// `… | stats count(*) … by FIELD …` over the denials: the only shape that is drawn here, as bars.
async fn bars(world: &Addresses, query: &str) -> Result<Content> {
    let group = query.split('\'').nth(1).unwrap_or_default();
    let field: fn(&Value) -> String =
        match query.split(" by ").nth(1).map(|rest| rest.split([' ', '.']).next().unwrap_or_default()) {
            Some("coalesce(findings") => |line| line["findings"][0]["rule"].as_str().unwrap_or("no finding").to_owned(),
            Some("namespace") => |line| line["namespace"].as_str().unwrap_or_default().to_owned(),
            Some("repository") => |line| repository(line["findings"][0]["image"].as_str().unwrap_or_default()),
            _ => return Ok(Content::Nothing("Lambda's own report lines, which a local world does not have")),
        };
    let mut counted: BTreeMap<String, u32> = BTreeMap::new();
    for line in logs::lines(world, group).await?.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
        if line["message"].as_str().is_some_and(|message| message.starts_with("denied")) {
            let name = field(&line);
            // A review that could not be read has none; and the end of a repository says more than its registry's host.
            let name = name.split_once(".amazonaws.com/").map_or(name.as_str(), |(_, rest)| rest);
            let name = if name.is_empty() { "(not known)" } else { name };
            *counted.entry(name.to_owned()).or_default() += 1;
        }
    }
    let mut bars: Vec<(String, u32)> = counted.into_iter().collect();
    bars.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    bars.truncate(MOST_BARS);
    Ok(Content::Bars(bars))
}

/// As the query's `parse` takes it: what stands before tag and digest.
fn repository(image: &str) -> String {
    let image = image.split('@').next().unwrap_or_default();
    let (before, last) = image.rsplit_once('/').map_or(("", image), |(before, last)| (before, last));
    let last = last.split(':').next().unwrap_or_default();
    if before.is_empty() { last.to_owned() } else { format!("{before}/{last}") }
}

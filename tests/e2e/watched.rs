//! What the stack watches exists: every metric that an alarm, a widget or a query names is one that the function
//! writes, with that dimension, or one that AWS writes. A name misspelt there would be silence for ever.

use deployer::settings::{Architecture, Settings};
use deployer::synth::{self, ArtifactLocation};
use serde_json::Value;

/// Metrics of AWS that are watched, with the dimension they are looked up by.
/// Sources: <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html>,
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-metrics.html>
const OF_AWS: &[(&str, &str, &[&str])] = &[
    ("AWS/Lambda", "FunctionName", &["ConcurrentExecutions", "Duration", "Errors", "Invocations", "Throttles"]),
    ("AWS/ApiGateway", "ApiId", &["4xx", "5xx", "Count", "IntegrationLatency", "Latency"]),
];

/// What `deployer metrics` reads is what the function writes: no more, and nothing left out.
#[test]
fn the_deployer_reads_every_metric_of_the_function_and_of_aws_only_those_that_exist() {
    use deployer::cloudwatch::readings::{Kind, OF_API, OF_CLUSTER, OF_FUNCTION, OF_STRANGERS, STRANGERS};
    let mut read: Vec<&str> = OF_CLUSTER.iter().chain(OF_STRANGERS).map(|known| known.name).collect();
    let mut written: Vec<&str> = lambda::metrics::METRICS.iter().map(|metric| metric.name).collect();
    read.sort_unstable();
    written.sort_unstable();
    assert_eq!(read, written);
    assert_eq!(STRANGERS, lambda::metrics::UNKNOWN_CLUSTER);
    for known in [OF_CLUSTER, OF_STRANGERS, OF_FUNCTION, OF_API].concat() {
        exists("deployer metrics", known.namespace, known.name, known.dimension);
    }
    for metric in lambda::metrics::METRICS {
        let kind = OF_CLUSTER.iter().chain(OF_STRANGERS).find(|known| known.name == metric.name).unwrap().kind;
        assert_eq!(kind == Kind::Time, metric.unit == "Milliseconds", "{}", metric.name);
    }
}

/// The resources of one type in the stack, with their properties.
fn resources(kind: &str) -> Vec<(String, Value)> {
    let location = ArtifactLocation { bucket: "bucket".to_owned(), key: "key.zip".to_owned() };
    let text = synth::stack_template(&Settings::default(), &location, Architecture::X86_64).unwrap();
    let stack: Value = serde_saphyr::from_str(&text).unwrap();
    let all = stack["Resources"].as_object().unwrap();
    let of_kind = all.iter().filter(|(_, resource)| resource["Type"] == kind);
    of_kind.map(|(name, resource)| (name.clone(), resource["Properties"].clone())).collect()
}

/// # Panics
/// When nobody writes such a metric.
fn exists(place: &str, namespace: &str, metric: &str, dimension: &str) {
    let ours = namespace == lambda::metrics::NAMESPACE
        && lambda::metrics::METRICS.iter().any(|known| known.name == metric && known.dimensions == [dimension]);
    let of_aws = OF_AWS.iter().any(|(of, by, names)| (*of, *by) == (namespace, dimension) && names.contains(&metric));
    assert!(ours || of_aws, "{place}: nobody writes {namespace} {metric} by {dimension}");
}

/// Checks `… FUNCTION(metric) FROM SCHEMA("namespace", dimension) …`.
fn check_query(place: &str, query: &str) {
    let metric = query.split_once('(').and_then(|(_, rest)| rest.split_once(')')).map(|(metric, _)| metric);
    let schema = query.split_once("SCHEMA(\"").and_then(|(_, rest)| rest.split_once(')')).map(|(schema, _)| schema);
    let (namespace, dimension) = schema.and_then(|schema| schema.split_once("\", ")).expect(query);
    exists(place, namespace, metric.expect(query), dimension);
}

/// One query and nothing else, or one expression over metrics that are counted over all clusters: `CloudWatch` takes no
/// second query, and has no metric without a dimension unless somebody writes one.
fn check_queries(place: &str, queries: &[Value]) {
    if let [query] = queries {
        return check_query(place, query["Expression"].as_str().unwrap());
    }
    let (metrics, expressions): (Vec<&Value>, Vec<&Value>) =
        queries.iter().partition(|query| query["MetricStat"].is_object());
    let [expression] = expressions[..] else { panic!("{place}: one expression") };
    assert_eq!(expression["ReturnData"], true, "{place}");
    for query in metrics {
        let id = query["Id"].as_str().unwrap();
        let words: Vec<&str> =
            expression["Expression"].as_str().unwrap().split(|c: char| !c.is_alphanumeric()).collect();
        assert!(words.contains(&id) && query["ReturnData"] == false, "{place}: {id}");
        let metric = &query["MetricStat"]["Metric"];
        assert_eq!((&metric["Namespace"], metric.get("Dimensions")), (&lambda::metrics::NAMESPACE.into(), None));
        let written = lambda::metrics::OVER_ALL_CLUSTERS.iter().any(|known| known.name == metric["MetricName"]);
        assert!(written, "{place}: nobody writes {} over all clusters", metric["MetricName"]);
    }
}

#[test]
fn every_alarm_watches_a_metric_that_somebody_writes() {
    let alarms = resources("AWS::CloudWatch::Alarm");
    assert_eq!(alarms.len(), 9, "each kind of alarm is looked at");
    for (name, alarm) in alarms {
        let text = |key: &str| alarm[key].as_str().unwrap_or_default();
        if let Some(queries) = alarm["Metrics"].as_array() {
            check_queries(&name, queries);
        } else {
            let [dimension] = alarm["Dimensions"].as_array().unwrap().as_slice() else { panic!("{name}") };
            exists(&name, text("Namespace"), text("MetricName"), dimension["Name"].as_str().unwrap());
        }
    }
}

/// The dashboard's body as `CloudWatch` gets it, the stack's own names aside.
fn dashboard() -> Value {
    let [(_, dashboard)] = &resources("AWS::CloudWatch::Dashboard")[..] else { panic!("there is one dashboard") };
    serde_json::from_str(dashboard["DashboardBody"]["Fn::Sub"].as_str().unwrap()).unwrap()
}

/// Every metric of one widget: `[namespace, name, dimension, value, …]`, or a search.
fn check_widget(title: &str, metrics: &[Value]) {
    for metric in metrics {
        let items = metric.as_array().unwrap();
        if let Some(expression) = items[0]["expression"].as_str() {
            let (schema, rest) = expression.split_once("SEARCH('{").unwrap().1.split_once('}').unwrap();
            let (namespace, dimension) = schema.split_once(',').unwrap();
            let name = rest.split('"').nth(1).unwrap_or_default();
            assert!(rest.starts_with(" MetricName="), "{title}: {rest}");
            exists(title, namespace, name, dimension);
        } else {
            let text = |at: usize| items[at].as_str().unwrap();
            exists(title, text(0), text(1), text(2));
            assert!(text(3).starts_with("${"), "{title}: a resource of the stack");
        }
    }
}

/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html>
#[test]
fn every_widget_of_the_dashboard_is_one_that_cloudwatch_draws() {
    let body = dashboard();
    let widgets = body["widgets"].as_array().unwrap();
    let mut places = std::collections::BTreeSet::new();
    for widget in widgets {
        let properties = &widget["properties"];
        let title = properties["title"].as_str().unwrap();
        let number = |key: &str| widget[key].as_u64().unwrap();
        assert!(number("x") + number("width") <= 24 && number("height") > 0, "{title}");
        assert!(places.insert((number("x"), number("y"))), "{title} lies on another");
        if widget["type"] != "alarm" {
            assert_eq!(properties["region"], "${AWS::Region}", "{title}");
        }
        match widget["type"].as_str().unwrap() {
            "alarm" => assert_eq!(properties["alarms"].as_array().unwrap().len(), synth::ALARMS.len()),
            "metric" => check_widget(title, properties["metrics"].as_array().unwrap()),
            "log" => {
                let query = properties["query"].as_str().unwrap();
                assert!(query.starts_with("SOURCE '${FunctionLogGroup}' | "), "{title}");
                check_log_query(title, query.split_once(" | ").unwrap().1);
            }
            other => panic!("{title} is a {other}"),
        }
    }
    assert!(widgets.len() > 10);
}

#[test]
fn the_dashboard_shows_every_metric_of_the_function() {
    let text = dashboard().to_string();
    // Our own latency is that of the function, which Lambda measures too.
    for metric in lambda::metrics::METRICS.iter().filter(|metric| metric.name != "Latency") {
        assert!(text.contains(&format!("MetricName=\\\"{}\\\"", metric.name)), "{}", metric.name);
    }
}

/// Fields of the log lines that queries may name: those of decisions (`lambda/src/record.rs`), of metric lines, and of
/// Lambda's own reports.
const FIELDS: &[&str] = &[
    "@timestamp",
    "cluster",
    "denial",
    "exemptions.0.daysLeft",
    "exemptions.0.id",
    "exemptions.0.image",
    "exemptions.0.rule",
    "findingCount",
    "findings.0.code",
    "findings.0.image",
    "findings.0.rule",
    "message",
    "name",
    "namespace",
    "owner",
    "record.metrics.initDurationMs",
    "requestUid",
    "type",
];
/// Words of the query language that stand where a field could.
const WORDS: &[&str] = &[
    "and",
    "as",
    "asc",
    "bin",
    "by",
    "coalesce",
    "count",
    "count_distinct",
    "desc",
    "display",
    "filter",
    "ispresent",
    "latest",
    "like",
    "limit",
    "max",
    "min",
    "parse",
    "sort",
    "stats",
    "5m",
];

/// Every word of a query is one of the language, a field, a metric, or a name that the query itself gives.
fn check_log_query(place: &str, query: &str) {
    let lines: Vec<&str> = query.lines().filter(|line| !line.starts_with('#')).collect();
    let text = lines.join(" ");
    // What stands in quotes or between slashes is text, not names; a slash inside a pattern is escaped.
    let text = without(&without(&text.replace("\\/", ""), '\''), '/');
    let words: Vec<&str> =
        text.split(|c: char| !(c.is_alphanumeric() || "@._".contains(c))).filter(|word| !word.is_empty()).collect();
    let named: Vec<&str> = words.windows(2).filter(|pair| pair[0] == "as").map(|pair| pair[1]).collect();
    for word in &words {
        let metric = lambda::metrics::METRICS.iter().any(|metric| metric.name == *word);
        let known = FIELDS.contains(word) || WORDS.contains(word) || named.contains(word) || metric;
        let ours = ["Cluster", "repository"].contains(word) || word.parse::<u32>().is_ok();
        assert!(known || ours, "{place}: {word} is no field: {query}");
    }
}

fn without(text: &str, mark: char) -> String {
    text.split(mark).step_by(2).collect::<Vec<_>>().join(" ")
}

#[test]
fn every_saved_query_reads_fields_that_the_function_writes() {
    let queries = resources("AWS::Logs::QueryDefinition");
    assert_eq!(queries.len(), 4);
    for (name, query) in queries {
        check_log_query(&name, query["QueryString"].as_str().unwrap());
        assert_eq!(query["LogGroupNames"], serde_json::json!([{ "Ref": "FunctionLogGroup" }]), "{name}");
    }
}

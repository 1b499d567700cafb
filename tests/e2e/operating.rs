//! What an operator sees of the product: `metrics`, `status` and `logs` against the local world, about decisions made
//! through the real API server; and alarms that ring.

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::operation::put_metric_alarm::builders::PutMetricAlarmFluentBuilder;
use aws_sdk_cloudwatch::types::{MetricAlarm, StateValue};
use aws_sdk_ecr::types::ImageTagMutability;
use deployer::settings::Settings;
use local_world::addresses::Addresses;
use local_world::deploy::{CLUSTER, DENIALS, Deployer, STACK};
use local_world::kubernetes::{Kubernetes, Outcome, until};
use local_world::pods::{NAMESPACE, pod};
use local_world::trouble::{Context, Result, Trouble};
use local_world::{counts, faults, logs, seed};
use serde_json::Value;

use crate::report::Report;

/// Asked about for the first time while ECR is cut off: nothing remembered can stand in.
const CUT_OFF: &str = "demo/cut-off";
/// Instead of an hour, so that a test can hear the silence.
const SHORT: i32 = 10;

/// To be called while all is well.
pub(crate) async fn well(world: &Addresses, deployer: &Deployer, report: &mut Report) {
    report
        .scenario("metrics: what the API server asked is counted by name and cluster", counted(world, deployer))
        .await;
    report.scenario("status: all is well", all_is_well(deployer)).await;
    report.scenario("logs: a line for people for each denial", told(deployer)).await;
    report.scenario("status: drift is looked for, found and told", drift(world, deployer)).await;
}

/// To be called after a burst of denials, while the webhook is registered and ECR answers; leaves the cluster without the webhook.
pub(crate) async fn trouble(world: &Addresses, cluster: &Kubernetes, deployer: &Deployer, report: &mut Report) {
    report.scenario("alarms: denials ring when they are many and a large share", many_denials(world)).await;
    report.scenario("status: ECR is cut off, and the alarm rings", cut_off(world, cluster, deployer)).await;
    report.scenario("status: the webhook is deleted, and the alarm rings", silent(world, cluster, deployer)).await;
}

/// The one JSON line of a kind that a run of the deployer wrote, and its exit code.
async fn answer(deployer: &Deployer, arguments: &[&str], kind: &str) -> Result<(i32, Value)> {
    let finished = deployer.run(&[arguments, &["--output", "json"]].concat(), false).await?;
    let lines = finished.said.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let line = lines.into_iter().find(|line| line["kind"] == kind);
    let line = line.ok_or_else(|| Trouble::new(format!("{arguments:?} gave no {kind}: {}", finished.said)))?;
    Ok((finished.code, line))
}

fn expect(holds: bool, what: impl FnOnce() -> String) -> Result<()> {
    holds.then_some(()).ok_or_else(|| Trouble::new(what()))
}

async fn counted(world: &Addresses, deployer: &Deployer) -> Result<()> {
    let counts = counts::read(&counts::client(world), CLUSTER).await?;
    let (code, metrics) = answer(deployer, &["metrics", "--since", "3h"], "metrics").await?;
    let readings = metrics["readings"].as_array().cloned().unwrap_or_default();
    let of = |name: &str, metric: &str| {
        readings.iter().find(|one| one["name"] == name && one["metric"] == metric).cloned().unwrap_or_default()
    };
    let sum = |metric: &str| of(CLUSTER, metric)["sum"].as_f64().map(|sum| format!("{sum:.0}"));
    let same = [("Pass", counts.pass), ("Deny", counts.deny)].map(|(name, count)| sum(name) == Some(count.to_string()));
    let same = same == [true, true] && counts.deny > 0;
    expect(code == 0 && same, || format!("exit code {code}, {counts:?} and {metrics}"))?;
    let latency = of(CLUSTER, "Latency")["p99"].as_f64();
    let calls =
        readings.iter().any(|one| one["of"] == "function" && one["metric"] == "Invocations" && one["sum"].is_f64());
    expect(latency.is_some_and(|p99| p99 > 0.0) && calls, || format!("{metrics}"))?;
    let (_, other) = answer(deployer, &["metrics", "--cluster", "nobody"], "metrics").await?;
    let none = other["readings"].as_array().is_some_and(|all| all.iter().all(|one| one["state"] == "no-data"));
    expect(none, || format!("no data is not said of a cluster that never asked: {other}"))
}

async fn all_is_well(deployer: &Deployer) -> Result<()> {
    let (code, status) = answer(deployer, &["status"], "status").await?;
    let webhook = &status["webhooks"][0]["found"];
    let good =
        webhook["known"] == true && webhook["caller"] == CLUSTER && webhook["differences"] == serde_json::json!([]);
    expect(code == 0 && good && status["stack"]["version"].is_string(), || format!("exit code {code}: {status}"))?;
    let text = deployer.run(&["status"], false).await?.well("status")?.said;
    let parts = ["stack  ", "as the settings say", "admitted", "all 9 are OK", "nothing needs it"];
    expect(parts.iter().all(|part| text.contains(part)), || text)
}

/// What somebody changed in a resource, and nothing that CloudFormation itself did.
async fn drift(world: &Addresses, deployer: &Deployer) -> Result<()> {
    let look = async |arguments: &[&str]| {
        let (code, status) = answer(deployer, arguments, "status").await?;
        Ok::<_, Trouble>((code, status["stack"]["drift"].clone(), status["stack"]["outputs"].clone()))
    };
    let (code, drift, outputs) = look(&["status"]).await?;
    let never = code == 0 && drift["status"] == "NOT_CHECKED" && drift["checked"].is_null();
    expect(never, || format!("exit code {code}: nobody has looked yet: {drift}"))?;
    let (code, drift, _) = look(&["status", "--drift"]).await?;
    let none = code == 0 && drift["status"] == "IN_SYNC" && drift["untold"] == serde_json::json!([]);
    expect(none, || format!("exit code {code}: as deployed there is none: {drift}"))?;
    let group = outputs["FunctionLogGroup"].as_str().unwrap_or_default();
    let days = i32::try_from(Settings::default().log_retention_days).unwrap_or_default();
    logs::keep(world, group, 1).await?;
    let (code, drift, _) = look(&["status"]).await?;
    expect(code == 0 && drift["status"] == "IN_SYNC", || format!("exit code {code}: not looked for again: {drift}"))?;
    let found = look(&["status", "--drift"]).await;
    // Whoever looks afterwards sees what was found then.
    let shown = deployer.run(&["status"], false).await;
    logs::keep(world, group, days).await?;
    let (code, drift, _) = found?;
    let [resource] = drift["resources"].as_array().map_or(&[][..], Vec::as_slice) else {
        return Err(Trouble::new(format!("one resource has drifted: {drift}")));
    };
    let difference = &resource["differences"][0];
    let told = (&resource["resource"], &difference["field"], &difference["wanted"], &difference["found"]);
    let right =
        serde_json::json!(told) == serde_json::json!(["FunctionLogGroup", "/RetentionInDays", days.to_string(), "1"]);
    expect(code == 5 && right, || format!("exit code {code}: {drift}"))?;
    let shown = shown?;
    let right = shown.code == 5 && shown.said.contains(&format!("~ /RetentionInDays: 1 -> {days}"));
    expect(right && shown.said.contains("the stack has drifted: 1 resource"), || shown.said)?;
    let (code, drift, _) = look(&["status", "--drift"]).await?;
    expect(code == 0 && drift["status"] == "IN_SYNC", || format!("exit code {code}: put back by hand: {drift}"))
}

async fn told(deployer: &Deployer) -> Result<()> {
    let arguments = ["logs", "--since", "3h", "--denied", "--namespace", NAMESPACE];
    let text = deployer.run(&arguments, false).await?.well("logs")?.said;
    // What is summed up below them is indented.
    let (sums, lines): (Vec<&str>, Vec<&str>) = text.lines().partition(|line| line.starts_with(' '));
    let all = lines.iter().all(|line| line.contains("DENIED") || line.contains("UNCHECKED"));
    let all = all && sums.iter().any(|line| line.contains(&format!(" x {NAMESPACE}  ")));
    expect(all && text.contains("[registry: docker-hub]") && text.contains(&format!("{NAMESPACE}/")), || text)
}

/// Waits until the alarm of the stack is in that state.
async fn comes_to(world: &Addresses, name: &str, state: StateValue) -> Result<()> {
    let client = counts::client(world);
    let look = async || Ok((alarm(&client, name).await?.state_value() == Some(&state)).then_some(()));
    until(&format!("{state} of the alarm {name}"), look).await
}

async fn alarm(client: &Client, name: &str) -> Result<MetricAlarm> {
    let found = client.describe_alarms().alarm_names(format!("{STACK}-{name}")).send().await;
    let found = found.while_doing(|| format!("reading the alarm {name}"))?;
    found.metric_alarms().first().cloned().ok_or_else(|| Trouble::new(format!("there is no alarm {name}")))
}

/// As deployed, they are too few for it. After the burst they are over fifty, and most of all decisions.
async fn many_denials(world: &Addresses) -> Result<()> {
    let client = counts::client(world);
    let before = alarm(&client, "denials").await?;
    comes_to(world, "denials", StateValue::Ok).await?;
    let mut fifty = before.clone();
    for query in fifty.metrics.iter_mut().flatten() {
        query.expression = query.expression.take().map(|text| text.replace(&DENIALS.to_string(), "50"));
    }
    put(&client, fifty.clone(), |as_it_is| as_it_is).await?;
    comes_to(world, "denials", StateValue::Alarm).await?;
    // As many, but not so large a share.
    put(&client, fifty, |as_it_is| as_it_is.threshold(99.0)).await?;
    let quiet = comes_to(world, "denials", StateValue::Ok).await;
    put(&client, before, |as_it_is| as_it_is).await?;
    quiet
}

/// `status` names what is wrong, and its exit code says so.
async fn says(deployer: &Deployer, words: &[&str]) -> Result<()> {
    let (code, status) = answer(deployer, &["status"], "status").await?;
    let attention = status["attention"].to_string();
    expect(code == 5 && words.iter().all(|word| attention.contains(word)), || format!("exit code {code}: {attention}"))
}

async fn cut_off(world: &Addresses, cluster: &Kubernetes, deployer: &Deployer) -> Result<()> {
    seed::create(&seed::client(&world.ecr_endpoint), CUT_OFF, ImageTagMutability::Immutable, &[], true).await?;
    faults::set(world, faults::ECR_CUT_OFF)?;
    let outcome = cluster.create_pod(&pod("cut-off", &[seed::image(&format!("{CUT_OFF}:1"))]), true).await?;
    let refused = outcome.message().contains("could not be checked");
    let looked = async {
        expect(refused, || format!("{outcome:?}"))?;
        comes_to(world, "undecided", StateValue::Alarm).await?;
        says(deployer, &["undecided"]).await?;
        let shown = deployer.run(&["status"], false).await?;
        let once = shown.said.matches("-undecided is in ALARM").count() == 1 && !shown.said.contains("error:");
        expect(shown.code == 5 && once, || format!("exit code {}: {}", shown.code, shown.said))?;
        let logged = deployer.run(&["logs", "--denied"], false).await?.well("logs")?.said;
        let line = logged.lines().find(|line| line.contains("UNCHECKED") && line.contains("cut-off"));
        expect(line.is_some_and(|line| line.contains("tag-immutability: throttled")), || logged.clone())
    };
    let looked = looked.await;
    faults::set(world, faults::NONE)?;
    looked?;
    // The function's ECR client tries again more slowly for a while after it was throttled.
    until("admission, once ECR answers again", async || {
        let pod = pod("cut-off", &[seed::image(&format!("{CUT_OFF}:1"))]);
        Ok((cluster.create_pod(&pod, true).await? == Outcome::Admitted).then_some(()))
    })
    .await
}

async fn silent(world: &Addresses, cluster: &Kubernetes, deployer: &Deployer) -> Result<()> {
    let client = counts::client(world);
    let before = alarm(&client, "silence").await?;
    put(&client, before, |as_it_is| as_it_is.period(SHORT).evaluation_periods(1)).await?;
    cluster.delete_webhook(STACK).await?;
    let nginx = pod("unguarded", &["nginx".to_owned()]);
    // The API server takes a moment to notice; then nobody is asked any more, and that is all there is to hear.
    until("unguarded Pod", async || Ok((cluster.create_pod(&nginx, true).await? == Outcome::Admitted).then_some(())))
        .await?;
    comes_to(world, "silence", StateValue::Alarm).await?;
    says(deployer, &["silence", "is not there"]).await
}

/// Puts an alarm as it is, but for what `change` changes.
async fn put(
    client: &Client,
    alarm: MetricAlarm,
    change: impl Fn(PutMetricAlarmFluentBuilder) -> PutMetricAlarmFluentBuilder,
) -> Result<()> {
    let name = alarm.alarm_name.clone().unwrap_or_default();
    let as_it_is = client
        .put_metric_alarm()
        .set_alarm_name(alarm.alarm_name)
        .set_metrics(alarm.metrics)
        .set_namespace(alarm.namespace)
        .set_metric_name(alarm.metric_name)
        .set_dimensions(alarm.dimensions)
        .set_statistic(alarm.statistic)
        .set_period(alarm.period)
        .set_evaluation_periods(alarm.evaluation_periods)
        .set_threshold(alarm.threshold)
        .set_comparison_operator(alarm.comparison_operator)
        .set_treat_missing_data(alarm.treat_missing_data);
    Box::pin(change(as_it_is).send()).await.map(drop).while_doing(|| format!("changing the alarm {name}"))
}

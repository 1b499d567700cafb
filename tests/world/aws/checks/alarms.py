"""Checks of alarms: on one metric, on a query over clusters, on an expression; what missing data means; what is refused."""

from botocore.exceptions import ClientError

NAMESPACE = "AlarmCheck"
# Decisions, a 0 or 1 for each: of two clusters, and over all of them.
DECISIONS = {"a": [1] * 30 + [0] * 40, "b": [1] * 30}


def metric(name, statistic, identity):
    stat = {"Metric": {"Namespace": NAMESPACE, "MetricName": name}, "Period": 900, "Stat": statistic}
    return {"Id": identity, "MetricStat": stat, "ReturnData": False}


def expression(text):
    return {"Id": "e", "Expression": text, "ReturnData": True}


def query(text, identity="q"):
    return {"Id": identity, "Expression": text, "Period": 900, "ReturnData": True}


DENIED, ALL = metric("Deny", "Sum", "denied"), metric("Deny", "SampleCount", "decisions")
SHARE = [expression("IF(denied > 50, 100 * denied / decisions, 0)"), DENIED, ALL]
SUM = [query(f'SELECT SUM(Deny) FROM SCHEMA("{NAMESPACE}", Cluster)')]
BY_CLUSTER = {"Namespace": NAMESPACE, "MetricName": "Deny", "Period": 900, "Statistic": "Sum"}
NOTHING = {"Namespace": NAMESPACE, "MetricName": "NeverWritten", "Period": 60, "Statistic": "Sum"}

CASES = {
    # name: (what it watches, threshold, the state)
    "a share that is larger": ({"Metrics": SHARE}, 59, "ALARM"),
    "a share that is just as large": ({"Metrics": SHARE}, 60, "OK"),
    "too few of them": ({"Metrics": [expression("IF(denied > 60, 100 * denied / decisions, 0)"), DENIED, ALL]}, 1, "OK"),
    "an expression without data": ({"Metrics": [expression("none + 1"), metric("NeverWritten", "Sum", "none")]}, 0, "OK"),
    "a division by zero": ({"Metrics": [expression("denied / (denied - 60)"), DENIED]}, 0, "OK"),
    "a query over clusters": ({"Metrics": SUM}, 59, "ALARM"),
    "a query that counts nothing twice": ({"Metrics": SUM}, 60, "OK"),
    "a metric of one cluster": ({**BY_CLUSTER, "Dimensions": [{"Name": "Cluster", "Value": "b"}]}, 29, "ALARM"),
    "a metric of one cluster alone": ({**BY_CLUSTER, "Dimensions": [{"Name": "Cluster", "Value": "b"}]}, 30, "OK"),
    "a metric without a dimension": (BY_CLUSTER, 60, "OK"),
    "missing data that is bad": ({**NOTHING, "TreatMissingData": "breaching"}, 0, "ALARM"),
    "missing data that is good": ({**NOTHING, "TreatMissingData": "notBreaching"}, 0, "OK"),
    "missing data that is missing": ({**NOTHING, "TreatMissingData": "missing"}, 0, "INSUFFICIENT_DATA"),
    "missing data that is ignored": ({**NOTHING, "TreatMissingData": "ignore"}, 0, "INSUFFICIENT_DATA"),
}
REFUSED = {
    "a search": [expression("SUM(SEARCH('{AlarmCheck} Deny', 'Sum', 900))")],
    "two queries": [query(SUM[0]["Expression"]), {**query(SUM[0]["Expression"], "r"), "ReturnData": False}],
    "a query in an expression": [expression("q + 1"), {**SUM[0], "ReturnData": False}],
    "two results": [expression("denied"), {**DENIED, "ReturnData": True}],
    "no result": [DENIED],
    "an unknown id": [expression("denied / other"), DENIED],
    "an unknown function": [expression("FILL(denied, 0)"), DENIED],
    "two periods": [expression("denied / other"), DENIED,
                    {**metric("Deny", "Sum", "other"), "MetricStat": {**DENIED["MetricStat"], "Period": 60}}],
}


def put(world, name, what, threshold=0):
    world.client("cloudwatch").put_metric_alarm(**{
        "AlarmName": name, "EvaluationPeriods": 1, "Threshold": threshold, "TreatMissingData": "notBreaching",
        "ComparisonOperator": "GreaterThanThreshold", **what})


def states(world):
    """alarms ring for what they watch, by its dimensions, and for missing data, and are quiet otherwise"""
    client = world.client("cloudwatch")
    for cluster, values in DECISIONS.items():
        for dimensions in ([{"Name": "Cluster", "Value": cluster}], []):
            client.put_metric_data(Namespace=NAMESPACE, MetricData=[
                {"MetricName": "Deny", "Dimensions": dimensions, "Values": values}])
    for name, (what, threshold, _) in CASES.items():
        put(world, name, what, threshold)
    found = {each["AlarmName"]: each for each in client.describe_alarms()["MetricAlarms"] if each["AlarmName"] in CASES}
    assert {name: each["StateValue"] for name, each in found.items()} == {
        name: state for name, (_, _, state) in CASES.items()}, found
    shown = found["a share that is larger"]
    assert shown["Metrics"] == SHARE and "MetricName" not in shown and "Period" not in shown, shown


def refusals(world):
    """an alarm is refused for metrics that CloudWatch would refuse, or that nobody here evaluates"""
    for name, metrics in REFUSED.items():
        try:
            put(world, name, {"Metrics": metrics})
        except ClientError as error:
            assert error.response["Error"]["Code"] in ("ValidationError", "ValidationException"), error.response
        else:
            raise AssertionError(f"{name} was accepted")


CHECKS = (states, refusals)

"""Alarms on `Metrics`: one Metrics Insights query, or one expression over metrics. MiniStack refuses them in a stack, and
PutMetricAlarm forgets what they watch.

What is kept here is evaluated by patches/alarms.py. Refused is what CloudWatch refuses (a SEARCH, two results, other
periods) and what is not known to work there: a query beside anything else.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDataQuery.html
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Create_Metrics_Insights_Alarm.html
"""

import re

from ministack.services import cloudwatch
from ministack.services.cloudformation import provisioners

from . import metric_math, private

QUERY = re.compile(r'SELECT (AVG|COUNT|MAX|MIN|SUM)\((\w+)\) FROM SCHEMA\("([^"]+)", (\w+)\)')
# What an alarm on one metric has in their place.
OF_ONE_METRIC = ("Namespace", "MetricName", "Statistic", "ExtendedStatistic", "Period", "Dimensions", "Unit")


def install():
    record = private.function(provisioners, "_cw_metric_alarm_record", "name", "props")
    put = private.function(cloudwatch, "_put_metric_alarm", "params", "cbor_data", "is_cbor", "is_json")
    private.function(cloudwatch, "_error", "code", "message", "status", "use_json", "use_cbor")
    private.value(cloudwatch, "_alarms", object)

    def record_with_metrics(name, props):
        queries = props.get("Metrics")
        if not queries:
            return record(name, props)
        check(queries, props)
        # The record wants a metric; it goes again.
        return watching(record(name, {**props, "Metrics": None, "Namespace": "-", "MetricName": "-"}), queries)

    def put_with_metrics(params, cbor_data, is_cbor, is_json=False):
        queries = (cbor_data or {}).get("Metrics")
        if not queries:
            return put(params, cbor_data, is_cbor, is_json)
        try:
            check(queries, cbor_data)
        except ValueError as refused:
            return cloudwatch._error("ValidationError", str(refused), 400, use_json=is_json, use_cbor=is_cbor)
        # Without a metric it is not evaluated yet.
        answer = put(params, cbor_data, is_cbor, is_json)
        alarm = cloudwatch._alarms.get(cbor_data["AlarmName"])
        if answer[0] == 200 and alarm:
            watching(alarm, queries)
        return answer

    provisioners._cw_metric_alarm_record = record_with_metrics
    cloudwatch._put_metric_alarm = put_with_metrics


def watching(alarm, queries):
    for name in OF_ONE_METRIC:
        alarm.pop(name, None)
    alarm["Metrics"] = queries
    return alarm


def check(queries, alarm):
    """Raises ValueError with what is wrong."""
    both = [name for name in OF_ONE_METRIC if alarm.get(name)]
    if both:
        raise ValueError(f"an alarm with Metrics cannot have {both[0]}")
    by_id = {query["Id"]: query for query in queries}
    if len(by_id) != len(queries) or not all(re.fullmatch(r"[a-z]\w*", name) for name in by_id):
        raise ValueError(f"each Id must be there once, and begin with a lower-case letter: {list(by_id)}")
    # Where nothing is said, it is.
    results = [query for query in queries if query.get("ReturnData", True)]
    if len(results) != 1:
        raise ValueError(f"one of Metrics must have ReturnData true, not {len(results)}")
    expressions = [query for query in queries if "Expression" in query]
    if len(queries) - len(expressions) > 10:
        raise ValueError("an expression of an alarm can have 10 metrics")
    if any(query["Expression"].startswith("SELECT") for query in expressions):
        check_query(queries)
        return
    if any("SEARCH" in query["Expression"] for query in expressions):
        raise ValueError("SEARCH is not supported on Metric Alarms")
    if [result.get("Expression") for result in results] != [query["Expression"] for query in expressions]:
        raise ValueError("the result must be the one expression")
    check_expression(expressions[0], by_id)


def check_query(queries):
    if len(queries) != 1:
        raise ValueError("a Metrics Insights query beside something else is not known to work in an alarm")
    if not QUERY.fullmatch(queries[0]["Expression"]) or not queries[0].get("Period"):
        raise ValueError(f"this query is not known here, or has no Period: {queries[0]}")


def check_expression(expression, by_id):
    wanted = metric_math.ids(metric_math.parse(expression["Expression"]))
    metrics = {name for name, query in by_id.items() if "MetricStat" in query}
    if not wanted or not wanted <= metrics:
        raise ValueError(f"the expression needs {sorted(wanted)}, and there are {sorted(metrics)}")
    periods = {int(by_id[name]["MetricStat"]["Period"]) for name in metrics}
    if len(periods) != 1:
        raise ValueError(f"each metric must have the same period, not {sorted(periods)}")

"""Alarms that are evaluated as CloudWatch does it: period by period, by their dimension, and with what missing data means.

MiniStack adds up all values of the last periods over all dimensions, looks only when a metric comes in, and never
evaluates an alarm without data: an alarm on silence could not ring. Here every alarm is evaluated also when somebody
reads it. What an alarm on `Metrics` watches, patches/alarm_metrics.py has checked.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html
"""

import time

from ministack.services import cloudwatch

from . import alarm_metrics, metric_math, private

COMPARISONS = {
    "GreaterThanOrEqualToThreshold": lambda value, threshold: value >= threshold,
    "GreaterThanThreshold": lambda value, threshold: value > threshold,
    "LessThanThreshold": lambda value, threshold: value < threshold,
    "LessThanOrEqualToThreshold": lambda value, threshold: value <= threshold,
}
# Those of Metrics Insights.
STATISTICS = {"AVG": "Average", "COUNT": "SampleCount", "MAX": "Maximum", "MIN": "Minimum", "SUM": "Sum"}


def install():
    private.function(cloudwatch, "_evaluate_alarm", "alarm")
    private.function(cloudwatch, "_evaluate_all_alarms")
    for name, parameters in (("_calc_stats", ["points"]), ("_stat_value", ["stats", "stat_name", "points"]),
                             ("_dims_key", ["dims"]), ("_dims_from_list", ["dimensions"]),
                             ("_dispatch_alarm_actions", ["alarm", "old_state", "new_state", "reason"])):
        private.function(cloudwatch, name, *parameters)
    describe = private.function(cloudwatch, "_describe_alarms", "params", "cbor_data", "is_cbor", "is_json")

    def evaluate_and_describe(params, cbor_data, is_cbor, is_json=False):
        cloudwatch._evaluate_all_alarms()
        return describe(params, cbor_data, is_cbor, is_json)

    cloudwatch._evaluate_alarm = evaluate
    cloudwatch._describe_alarms = evaluate_and_describe


def evaluate(alarm):
    """Brings an alarm to the state that its metric asks for; tells its topic of a change."""
    compare = COMPARISONS.get(alarm.get("ComparisonOperator"))
    if not compare or not (alarm.get("Metrics") or alarm.get("MetricName")):
        return
    count = int(alarm.get("EvaluationPeriods") or 1)
    values = watched(alarm, count)
    state, why = judge(alarm, values, compare, int(alarm.get("DatapointsToAlarm") or count))
    before = alarm["StateValue"]
    if state in (None, before):
        return
    alarm.update(StateValue=state, StateReason=why, StateUpdatedTimestamp=int(time.time()))
    cloudwatch._record_history(alarm["AlarmName"], before, state, why)
    cloudwatch._dispatch_alarm_actions(alarm, before, state, why)


def watched(alarm, count):
    """The value of each of the last periods, the newest first; None where there is none."""
    queries = alarm.get("Metrics")
    if not queries:
        statistic = alarm.get("ExtendedStatistic") or alarm.get("Statistic") or "Average"
        return periods(points_of(alarm), statistic, alarm.get("Period"), count)
    found = alarm_metrics.QUERY.fullmatch(queries[0]["Expression"]) if len(queries) == 1 else None
    if found:
        function, metric, namespace, dimension = found.groups()
        points = points_over(namespace, metric, dimension)
        return periods(points, STATISTICS[function], queries[0]["Period"], count)
    return computed(queries, count)


def computed(queries, count):
    stats = {query["Id"]: query["MetricStat"] for query in queries if "MetricStat" in query}
    series = {name: periods(points_of(stat["Metric"]), stat["Stat"], stat["Period"], count)
              for name, stat in stats.items()}
    (tree,) = [metric_math.parse(query["Expression"]) for query in queries if "Expression" in query]
    return [metric_math.value(tree, {name: values[back] for name, values in series.items()}) for back in range(count)]


def periods(points, statistic, length, count):
    """The statistic of each of the last periods, the newest first; None where nothing was counted."""
    length, now = float(length or 60), time.time()
    within = [[point for point in points if now - (back + 1) * length < point["Timestamp"] <= now - back * length]
              for back in range(count)]
    return [cloudwatch._stat_value(cloudwatch._calc_stats(some), statistic, some) if some else None for some in within]


def points_of(metric):
    """Of exactly these dimensions; a metric without any is one of its own."""
    key = cloudwatch._dims_key(cloudwatch._dims_from_list(metric.get("Dimensions") or []))
    return list(cloudwatch._metrics.get((metric["Namespace"], metric["MetricName"], key), []))


def points_over(namespace, metric, dimension):
    """Of every value of the one dimension."""
    return [point for (of, name, _), points in cloudwatch._metrics.items() if (of, name) == (namespace, metric)
            for point in points if set(point["Dimensions"]) == {dimension}]


def judge(alarm, values, compare, needed):
    missing = alarm.get("TreatMissingData") or "missing"
    if missing in ("missing", "ignore") and all(value is None for value in values):
        return ("INSUFFICIENT_DATA" if missing == "missing" else None), "no data"
    threshold = float(alarm.get("Threshold") or 0)
    breaching = [missing == "breaching" if value is None else compare(value, threshold) for value in values]
    state = "ALARM" if sum(breaching) >= needed else "OK"
    return state, f"{sum(breaching)} of {len(values)} periods are beyond {threshold}: {values}"

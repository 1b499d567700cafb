"""Alarms that are evaluated as CloudWatch does it: period by period, by their dimension, and with what missing data means.

MiniStack adds up all values of the last periods over all dimensions, looks only when a metric comes in, and never
evaluates an alarm without data: an alarm on silence could not ring. Here every alarm is evaluated also when somebody
reads it. An alarm without dimensions is one that patches/alarm_query.py made of a query over all values of a dimension.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html
"""

import time

from ministack.services import cloudwatch

from . import private

COMPARISONS = {
    "GreaterThanOrEqualToThreshold": lambda value, threshold: value >= threshold,
    "GreaterThanThreshold": lambda value, threshold: value > threshold,
    "LessThanThreshold": lambda value, threshold: value < threshold,
    "LessThanOrEqualToThreshold": lambda value, threshold: value <= threshold,
}


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
    if not compare or not alarm.get("MetricName"):
        return
    count = int(alarm.get("EvaluationPeriods") or 1)
    values = [value for value in periods(alarm, count)]
    state, why = judge(alarm, values, compare, int(alarm.get("DatapointsToAlarm") or count))
    before = alarm["StateValue"]
    if state in (None, before):
        return
    alarm.update(StateValue=state, StateReason=why, StateUpdatedTimestamp=int(time.time()))
    cloudwatch._record_history(alarm["AlarmName"], before, state, why)
    cloudwatch._dispatch_alarm_actions(alarm, before, state, why)


def periods(alarm, count):
    """The statistic of each of the last periods, the newest first; None where nothing was counted."""
    length = float(alarm.get("Period") or 60)
    now = time.time()
    points = points_of(alarm)
    statistic = alarm.get("ExtendedStatistic") or alarm.get("Statistic") or "Average"
    for back in range(count):
        end = now - back * length
        within = [point for point in points if end - length < point["Timestamp"] <= end]
        yield cloudwatch._stat_value(cloudwatch._calc_stats(within), statistic, within) if within else None


def points_of(alarm):
    wanted = alarm.get("Dimensions") or []
    key = cloudwatch._dims_key(cloudwatch._dims_from_list(wanted)) if wanted else None
    return [point for (namespace, name, dimensions), points in cloudwatch._metrics.items()
            if (namespace, name) == (alarm["Namespace"], alarm["MetricName"]) and key in (None, dimensions)
            for point in points]


def judge(alarm, values, compare, needed):
    missing = alarm.get("TreatMissingData") or "missing"
    if missing in ("missing", "ignore") and all(value is None for value in values):
        return ("INSUFFICIENT_DATA" if missing == "missing" else None), "no data"
    threshold = float(alarm.get("Threshold") or 0)
    breaching = [missing == "breaching" if value is None else compare(value, threshold) for value in values]
    state = "ALARM" if sum(breaching) >= needed else "OK"
    return state, f"{sum(breaching)} of {len(values)} periods are beyond {threshold}: {values}"

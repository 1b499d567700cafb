"""`AWS::CloudWatch::Alarm` on a Metrics Insights query, which MiniStack refuses together with all metric math.

Only `SELECT function(metric) FROM SCHEMA("namespace", dimension)` is known here: one number over every value of the
dimension. MiniStack looks at all values of all dimensions whenever it evaluates an alarm, so it comes to the same.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Create_Metrics_Insights_Alarm.html
"""

import re

from ministack.services.cloudformation import provisioners

from . import private

QUERY = re.compile(r'SELECT (AVG|MAX|MIN|SUM)\((\w+)\) FROM SCHEMA\("([^"]+)", \w+\)')
STATISTICS = {"AVG": "Average", "MAX": "Maximum", "MIN": "Minimum", "SUM": "Sum"}


def install():
    record = private.function(provisioners, "_cw_metric_alarm_record", "name", "props")
    provisioners._cw_metric_alarm_record = lambda name, props: record(name, as_plain_metric(props))


def as_plain_metric(props):
    """The alarm's properties with the query spelt as a metric; anything else is left for MiniStack to refuse."""
    queries = props.get("Metrics") or []
    found = QUERY.fullmatch(queries[0].get("Expression", "")) if len(queries) == 1 else None
    if not found:
        return props
    function, metric, namespace = found.groups()
    plain = {name: value for name, value in props.items() if name != "Metrics"}
    return {**plain, "Namespace": namespace, "MetricName": metric, "Statistic": STATISTICS[function],
            "Period": queries[0].get("Period", 60)}

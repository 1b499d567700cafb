"""Embedded metric format: a log event that carries `_aws.CloudWatchMetrics` becomes metric data, once.

In AWS CloudWatch Logs does this for every log group; MiniStack does not know the format. The format:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

import json

from ministack.services import cloudwatch, cloudwatch_logs

from . import private


def install():
    append = private.function(cloudwatch_logs, "_append_log_events", "stream", "events")
    private.function(cloudwatch, "_store_datum",
                     "namespace", "name", "dims", "ts", "unit", "value", "values", "counts", "stat_values")
    private.function(cloudwatch, "_evaluate_all_alarms")

    def append_and_extract(stream, events):
        append(stream, events)
        for event in events:
            extract(event["message"])

    cloudwatch_logs._append_log_events = append_and_extract


def extract(message):
    """Stores what one log event says, if it is in the format; what breaks the format counts for nothing, as in AWS."""
    if '"_aws"' not in message:
        return
    try:
        document = json.loads(message)
        data = list(metric_data(document))
    except (ValueError, KeyError, TypeError, AttributeError):
        return
    for namespace, name, dimensions, timestamp, unit, values in data:
        cloudwatch._store_datum(namespace, name, dimensions, timestamp, unit, None, values, None, None)
    if data:
        cloudwatch._evaluate_all_alarms()


def metric_data(document):
    """Every metric of every directive, once for each of its dimension sets; timestamps in seconds."""
    head = document["_aws"]
    timestamp = head["Timestamp"] / 1000
    for directive in head["CloudWatchMetrics"]:
        for keys in directive.get("Dimensions") or [[]]:
            dimensions = {key: str(document[key]) for key in keys}
            for metric in directive["Metrics"]:
                value = document.get(metric["Name"])
                if value is None:
                    continue
                values = [float(each) for each in (value if isinstance(value, list) else [value])]
                yield directive["Namespace"], metric["Name"], dimensions, timestamp, metric.get("Unit", "None"), values

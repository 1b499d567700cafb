"""What API Gateway notes of each call of an HTTP API: metrics by the API's id, and the stage's access log.

MiniStack keeps the stage's AccessLogSettings and writes nothing, and it counts nothing. The request id is the one that
the function gets in its event, as in AWS.
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-metrics.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging-variables.html
"""

import contextvars
import re
import time

from ministack.services import apigateway, cloudwatch, cloudwatch_logs

from . import private

call = contextvars.ContextVar("call", default=None)


def install():
    handle = private.function(
        apigateway, "_handle_execute_in_scope", "api_id", "stage", "path", "method", "headers", "body", "query_params",
        "owner_account_id", "owner_region", "raw_query_string",
    )
    invoke = private.value(apigateway, "_invoke_lambda_proxy", object)
    new_uuid = private.function(apigateway, "new_uuid")
    private.function(cloudwatch, "record_metric", "namespace", "metric_name", "value", "unit", "dimensions")
    private.value(apigateway, "_stages", object)

    async def handle_and_note(api_id, stage, *arguments, **named):
        noted = {"requestId": new_uuid(), "requestTime": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime())}
        token = call.set(noted)
        started = time.monotonic()
        try:
            answer = await handle(api_id, stage, *arguments, **named)
        finally:
            call.reset(token)
        noted.update(status=answer[0], responseLatency=milliseconds(started))
        note(api_id, stage, noted)
        return answer

    async def invoke_and_note(*arguments, **named):
        started = time.monotonic()
        answer = await invoke(*arguments, **named)
        noted = call.get()
        if noted is not None:
            route = named.get("route_key") or (arguments[8] if len(arguments) > 8 else "$default")
            noted.update(integrationLatency=milliseconds(started), integrationStatus=answer[0], routeKey=route)
        return answer

    apigateway._handle_execute_in_scope = handle_and_note
    apigateway._invoke_lambda_proxy = invoke_and_note
    apigateway.new_uuid = lambda: (call.get() or {}).get("requestId") or new_uuid()


def milliseconds(since):
    return max(1, round((time.monotonic() - since) * 1000))


def note(api_id, stage, noted):
    status = noted["status"]
    metrics = [("Count", 1, "Count"), ("4xx", int(400 <= status < 500), "Count"), ("5xx", int(status >= 500), "Count"),
               ("Latency", noted["responseLatency"], "Milliseconds")]
    if "integrationLatency" in noted:
        metrics.append(("IntegrationLatency", noted["integrationLatency"], "Milliseconds"))
    for name, value, unit in metrics:
        cloudwatch.record_metric("AWS/ApiGateway", name, value, unit, {"ApiId": api_id})
    settings = (apigateway._stages.get(api_id, {}).get(stage) or {}).get("accessLogSettings") or {}
    group = settings.get("destinationArn", "").partition(":log-group:")[2].removesuffix(":*")
    if group in cloudwatch_logs._log_groups:
        write(group, api_id, fill(settings.get("format", ""), noted))


def fill(text, noted):
    """A variable without a value becomes a hyphen."""
    return re.sub(r"\$context\.(\w+(?:\.\w+)*)", lambda found: str(noted.get(found[1], "-")), text)


def write(group, stream, line):
    now = int(time.time() * 1000)
    cloudwatch_logs._create_log_stream({"logGroupName": group, "logStreamName": stream})
    events = [{"timestamp": now, "message": line, "ingestionTime": now}]
    cloudwatch_logs._append_log_events(cloudwatch_logs._log_groups[group]["streams"][stream], events)

"""What a function prints is in its log group at once, in one stream for each version of its code.

MiniStack collects a function's lines after each call: it waits 50 ms for a line before it answers, files what came
too late under the next call or loses it, and opens a new stream for every call. Here the thread that reads the
function's output files each line itself, so nothing waits and nothing is lost.
"""

import time
import uuid

from ministack.core import lambda_runtime
from ministack.core.responses import request_scope
from ministack.services import cloudwatch_logs, lambda_svc

from . import private

streams = {}


def install():
    file_lines_as_they_come()
    answer_without_waiting()
    write_platform_lines()


def file_lines_as_they_come():
    worker = private.value(lambda_runtime, "ProvidedWorker", type)
    pump = private.function(worker, "_pump_output", "self", "stream", "log_queue")

    def pump_and_file(self, stream, log_queue):
        pump(self, Filed(stream, self.config), log_queue)

    worker._pump_output = pump_and_file


class Filed:
    """A function's output that files every line as it is read."""

    def __init__(self, stream, config):
        self.stream = stream
        self.config = config

    def readline(self):
        line = self.stream.readline()
        text = line.decode("utf-8", "replace").rstrip("\r\n")
        if text:
            file(self.config, [text])
        return line

    def close(self):
        self.stream.close()


def answer_without_waiting():
    """The tail that Invoke returns is what has come so far; the reason why a start failed is still waited for."""
    worker = lambda_runtime.ProvidedWorker
    bounded = private.function(
        worker, "_drain_stderr_bounded", "self", "first_line_wait", "idle_confirm", "hard_cap"
    )
    private.function(worker, "_drain_stderr", "self")

    def drain(self, first_line_wait=None):
        if first_line_wait is None:
            return self._drain_stderr()
        return bounded(self, first_line_wait)

    worker._drain_stderr_bounded = drain


def write_platform_lines():
    """START before a call; END and REPORT after it, in place of MiniStack's filing of the whole output."""
    private.function(lambda_svc, "_emit_lambda_metrics", "function_name", "duration_ms", "error", "throttle")
    execute = private.function(lambda_svc, "_execute_function_provided_warm", "func", "event", "request_id")
    emit = private.function(
        lambda_svc, "_emit_lambda_logs", "func", "request_id", "log_text", "error", "duration_ms", "log_source"
    )

    def execute_with_start(func, event, request_id):
        config = func.get("config") or func
        file(config, [f"START RequestId: {request_id} Version: {config.get('Version', '$LATEST')}"])
        return execute(func, event, request_id)

    def emit_end(func, request_id, log_text, error, duration_ms, *, log_source=None):
        config = func.get("config") or func
        if not config.get("Runtime", "").startswith("provided"):
            emit(func, request_id, log_text, error, duration_ms, log_source=log_source)
            return
        file(config, [
            f"END RequestId: {request_id}",
            f"REPORT RequestId: {request_id}\tDuration: {duration_ms} ms\tBilled Duration: {duration_ms} ms\t"
            f"Memory Size: {config.get('MemorySize', 128)} MB",
        ])
        # MiniStack counts those calls only that come by Invoke, not those of an API.
        with request_scope(*lambda_svc._account_region_from_function_config(config)):
            lambda_svc._emit_lambda_metrics(config["FunctionName"], max(1, duration_ms), bool(error), False)

    lambda_svc._execute_function_provided_warm = execute_with_start
    lambda_svc._emit_lambda_logs = emit_end


def file(config, lines):
    """Appends lines to the function's log, as its account and in its region.

    A log group that the template names is not made up when it is gone: the function's role may not create it.
    """
    account, region = lambda_svc._account_region_from_function_config(config)
    default = "/aws/lambda/" + config["FunctionName"]
    group = (config.get("LoggingConfig") or {}).get("LogGroup") or default
    now = int(time.time() * 1000)
    events = [{"timestamp": now, "message": line, "ingestionTime": now} for line in lines]
    with request_scope(account, region):
        if group == default:
            cloudwatch_logs._create_log_group({"logGroupName": group})
        elif group not in cloudwatch_logs._log_groups:
            return
        stream = stream_name(config)
        cloudwatch_logs._create_log_stream({"logGroupName": group, "logStreamName": stream})
        cloudwatch_logs._append_log_events(cloudwatch_logs._log_groups[group]["streams"][stream], events)
        cloudwatch_logs._fanout_to_subscription_filters(group, stream, events)


def stream_name(config):
    """`2026/11/24/[$LATEST]<32 hex digits>`, the same for as long as the code is."""
    version = config.get("Version", "$LATEST")
    key = (config.get("FunctionArn"), version, config.get("CodeSha256"))
    if key not in streams:
        streams[key] = f"{time.strftime('%Y/%m/%d', time.gmtime())}/[{version}]{uuid.uuid4().hex}"
    return streams[key]

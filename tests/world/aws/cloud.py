"""MiniStack with our patches, serving an open socket. Started by local_aws.py, not by hand:

    python cloud.py SOCKET_FD DIR STEP_DELAY_MS

Its settings come in the environment, which MiniStack reads while it is imported. Ends with exit code 1 and a sentence
when MiniStack is not the one the patches were written for.
"""

import asyncio
import signal
import sys
from pathlib import Path

import lifeline


def main():
    descriptor, directory, step_delay_ms = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    # Ctrl-C reaches no one here: this is a session of its own, and local_aws.py decides when it ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    lifeline.end_with_parent()
    from patches.private import Changed

    try:
        patch(directory, step_delay_ms)
    except Changed as changed:
        sys.exit(f"cloud.py: {changed}")
    serve(descriptor)


def patch(directory, step_delay_ms):
    from patches import bucket_owner, draining, endpoint, faults, function_environment, function_logs
    from patches import alarm_metrics, alarms, api_calls, metrics, missing_code, query_definition, refusals, role_policy
    from patches import speed, stack_description

    bucket_owner.install()
    draining.install()
    endpoint.install()
    function_environment.install()
    function_logs.install()
    metrics.install()
    missing_code.install()
    refusals.install()
    role_policy.install()
    alarm_metrics.install()
    alarms.install()
    api_calls.install()
    query_definition.install()
    speed.install()
    stack_description.install()
    # Last, since it goes around the handlers that the others register.
    faults.install(directory / "faults.json", step_delay_ms)


def serve(descriptor):
    from hypercorn.asyncio import serve as hypercorn_serve
    from hypercorn.config import Config
    from ministack.app import app

    config = Config()
    config.bind = [f"fd://{descriptor}"]
    config.keep_alive_timeout = 75
    config.loglevel = "WARNING"
    asyncio.run(hypercorn_serve(app, config))


if __name__ == "__main__":
    main()

"""Makes CloudFormation slow, or fail at one resource, so that progress, rollback and recovery can be seen and tested.

DIR/faults.json, read before every step, so that a running world can be changed (write it aside and rename it):

    {"step_delay_ms": 200,
     "fail": [{"resource": "Function", "on": "update", "reason": "Resource handler returned message: …"}]}

Each entry of `fail` makes one step fail and is then taken out of the file. `resource` is a logical id; `on` is create,
update, delete or rollback, the update that sends back a resource that was updated before another one failed.
The key `ecr` is about ECR (patches/ecr_faults.py).
"""

import contextvars
import json
import os
import threading
import time
from pathlib import Path

from ministack.services.cloudformation import stacks

from . import private

lock = threading.Lock()
rolling_back = contextvars.ContextVar("rolling_back", default=False)


def install(file, default_delay_ms):
    run_steps_on_threads()
    mark_rollbacks()
    wrap("_provision_resource", "create", file, default_delay_ms, logical_id=1,
         parameters=("resource_type", "logical_id", "props", "stack_name"))
    wrap("_update_resource", "update", file, default_delay_ms, logical_id=5,
         parameters=("resource_type", "physical_id", "old_props", "new_props", "stack_name", "logical_id", "old_attrs"))
    wrap("_delete_resource", "delete", file, default_delay_ms, logical_id=4,
         parameters=("resource_type", "physical_id", "props", "stack_name", "logical_id"))


def run_steps_on_threads():
    """MiniStack runs most steps on its event loop, where a slow one would stop every other request."""
    private.function(stacks, "_runs_on_worker_thread", "resource_type")
    stacks._runs_on_worker_thread = lambda _resource_type: True


def mark_rollbacks():
    revert = private.function(
        stacks, "_revert_update", "stack_id", "stack_name", "logical_id", "rtype", "physical_id", "applied_props",
        "previous_props", "attrs", "record",
    )

    async def marked(*arguments, **named):
        token = rolling_back.set(True)
        try:
            return await revert(*arguments, **named)
        finally:
            rolling_back.reset(token)

    stacks._revert_update = marked


def wrap(name, kind, file, default_delay_ms, logical_id, parameters):
    step = private.function(stacks, name, *parameters)

    def slow_or_failing(*arguments):
        resource = arguments[logical_id] if len(arguments) > logical_id else None
        if not (kind == "update" and arguments[2] == arguments[3]):
            faults = due(file, resource, "rollback" if kind == "update" and rolling_back.get() else kind)
            time.sleep(faults.get("step_delay_ms", default_delay_ms) / 1000)
            if "reason" in faults:
                raise ValueError(faults["reason"])
        return step(*arguments)

    setattr(stacks, name, slow_or_failing)


def due(file, resource, kind):
    """What faults.json asks of this step; an entry that applies is taken out of it."""
    with lock:
        try:
            faults = json.loads(Path(file).read_text())
        except FileNotFoundError:
            return {}
        delay = {"step_delay_ms": faults["step_delay_ms"]} if "step_delay_ms" in faults else {}
        for entry in faults.get("fail", []):
            if entry["resource"] == resource and entry["on"] == kind:
                faults["fail"].remove(entry)
                replace(file, faults)
                return {**delay, "reason": entry.get("reason", "Resource handler returned message: \"told to fail\"")}
        return delay


def replace(file, faults):
    aside = f"{file}.new"
    Path(aside).write_text(json.dumps(faults))
    os.replace(aside, file)

"""An update of a function lets the calls that run come to their end, as Lambda does.

MiniStack ends the processes of the old version at once, and whoever waits for an answer gets an error: an update would
look as if it refused Pods.
"""

import threading
import time

from ministack.core import lambda_runtime

from . import private

# Longer than any call of ours may take; a worker that is not given back by then is ended all the same.
LONGEST_CALL = 15
INTERVAL = 0.01


def install():
    end = private.function(lambda_runtime, "kill_workers", "workers")
    private.function(lambda_runtime.Worker, "kill", "self")

    def end_when_free(workers):
        workers = [worker for worker in workers if worker is not None]
        end([worker for worker in workers if not worker.in_use])
        busy = [worker for worker in workers if worker.in_use]
        if busy:
            threading.Thread(target=wait, args=(busy,), daemon=True).start()

    def wait(busy):
        deadline = time.monotonic() + LONGEST_CALL
        while any(worker.in_use for worker in busy) and time.monotonic() < deadline:
            time.sleep(INTERVAL)
        end(busy)

    lambda_runtime.kill_workers = end_when_free
    # A call that takes too long ends its own process, and does not wait for itself.
    lambda_runtime.Worker.kill = lambda worker: end([worker])

"""Answers of the Lambda runtime API leave at once.

MiniStack writes the head and the body of an answer one after the other, and the second waits up to 40 ms for the
first to be acknowledged. AWS adds well under a millisecond there.
"""

from ministack.core import lambda_runtime

from . import private


def install():
    worker = private.value(lambda_runtime, "ProvidedWorker", type)
    build = private.function(worker, "_build_handler_class", "self", "generation", "pending")

    def build_without_nagle(self, generation, pending):
        handler = build(self, generation, pending)
        private.value(handler, "disable_nagle_algorithm", bool)
        handler.disable_nagle_algorithm = True
        return handler

    worker._build_handler_class = build_without_nagle

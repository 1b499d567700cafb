"""moto's ECR with our patches, serving an open socket. Started by local_aws.py, not by hand:

    python ecr.py SOCKET_FD DIR

Its account comes in the environment, which moto reads while it is imported. Ends with exit code 1 and a sentence when
moto is not the one the patches were written for.
"""

import signal
import sys
import warnings
from pathlib import Path

import lifeline


def main():
    descriptor, directory = int(sys.argv[1]), Path(sys.argv[2])
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    lifeline.end_with_parent()
    from patches.private import Changed

    # moto wonders about our AccessDeniedException, which ECR answers although its model does not list it.
    warnings.filterwarnings("ignore", message=".*does not match an error shape")
    try:
        from patches import registry

        registry.install()
    except Changed as changed:
        sys.exit(f"ecr.py: {changed}")
    serve(descriptor, directory)


def serve(descriptor, directory):
    from patches import ecr_faults
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import WSGIRequestHandler, make_server

    from patches.throttling import Throttling

    class Handler(WSGIRequestHandler):
        """HTTP/1.1, so that a client's connection serves more than one request; no line per request in the log."""

        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def log_request(self, *_arguments):
            pass

    application = Throttling(DomainDispatcherApplication(create_backend_app))
    application = ecr_faults.wrap(application, directory / "faults.json")
    make_server("127.0.0.1", 0, application, threaded=True, request_handler=Handler, fd=descriptor).serve_forever()


if __name__ == "__main__":
    main()

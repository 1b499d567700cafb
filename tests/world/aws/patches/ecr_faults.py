"""Cuts ECR off, so that what could not be checked can be seen and tested in a running world.

DIR/faults.json, read before every answer: `{"ecr": "ThrottlingException"}` makes ECR refuse every call with that code.
"""

import json
from pathlib import Path


def wrap(application, file):
    def refuse_or_serve(environ, start_response):
        code = due(file)
        if not code:
            return application(environ, start_response)
        # Read, or the client's next request on this connection would begin with the rest of this one.
        environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        body = json.dumps({"__type": code, "message": "told to refuse"}).encode()
        start_response("400 Bad Request", [("Content-Type", "application/x-amz-json-1.1"),
                                           ("Content-Length", str(len(body))),
                                           ("x-amzn-RequestId", "00000000-0000-4000-8000-000000000000")])
        return [body]

    return refuse_or_serve


def due(file):
    try:
        return json.loads(Path(file).read_text()).get("ecr")
    except FileNotFoundError:
        return None

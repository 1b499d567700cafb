"""Makes ECR throttle on demand, for tests of what the webhook and the API server do then.

    POST /local-world/throttle?name=demo/busy&times=2    the next two DescribeRepositories that name it are throttled
    GET /local-world/throttle?name=demo/busy             how many of them are left

A middleware around moto: what it does not throttle, it passes on untouched.
"""

import io
import json
import threading
from urllib.parse import parse_qs

PATH = "/local-world/throttle"
TARGET = "DescribeRepositories"


class Throttling:
    def __init__(self, application):
        self.application = application
        self.left = {}
        self.lock = threading.Lock()

    def __call__(self, environment, start_response):
        if environment["PATH_INFO"] == PATH:
            return self.told(environment, start_response)
        if environment.get("HTTP_X_AMZ_TARGET", "").endswith("." + TARGET):
            body = environment["wsgi.input"].read(int(environment.get("CONTENT_LENGTH") or 0))
            environment["wsgi.input"] = io.BytesIO(body)
            if self.is_due(json.loads(body or b"{}").get("repositoryNames", [])):
                body = json.dumps({"__type": "ThrottlingException", "message": "Rate exceeded"})
                return answer(start_response, "400 Bad Request", body)
        return self.application(environment, start_response)

    def told(self, environment, start_response):
        query = {key: values[0] for key, values in parse_qs(environment["QUERY_STRING"]).items()}
        with self.lock:
            if environment["REQUEST_METHOD"] == "POST":
                self.left[query["name"]] = int(query["times"])
            return answer(start_response, "200 OK", str(self.left.get(query["name"], 0)))

    def is_due(self, names):
        with self.lock:
            due = [name for name in names if self.left.get(name, 0) > 0]
            for name in due:
                self.left[name] -= 1
            return bool(due)


def answer(start_response, status, body):
    body = body.encode()
    start_response(status, [("Content-Type", "application/x-amz-json-1.1"), ("Content-Length", str(len(body)))])
    return [body]

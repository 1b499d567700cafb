"""Checks that the local stand-in for AWS does what the project's tests lean on: seconds, exit code 1 at a failure.

    "$(./install.sh emulators)/bin/python" selfcheck.py

Run it after moving a pin: the patches refuse to start when a private name is gone, and this sees whether they still
have their effect. It says nothing about whether AWS does the same.
"""

import sys

sys.dont_write_bytecode = True

import json
import os
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from checks import alarms, cloud, ecr, storage

HERE = Path(__file__).resolve().parent
ACCOUNT = "111122223333"
REGION = "eu-west-1"


class World:
    """A running stand-in and clients for it."""

    def __init__(self, directory):
        self.directory = Path(directory)
        self.process = subprocess.Popen(
            [sys.executable, "-B", str(HERE / "local_aws.py"), "--dir", directory,
             "--account", ACCOUNT, "--region", REGION],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"local_aws.py did not start: exit code {self.process.wait()}")
        self.ready = json.loads(line)
        self.account, self.region = ACCOUNT, REGION

    def client(self, service):
        import boto3
        from botocore.config import Config

        return boto3.client(
            service, region_name=REGION, aws_access_key_id="AKIAIOSFODNN7EXAMPLE", aws_secret_access_key="not-a-secret",
            endpoint_url=self.ready["ecr_endpoint" if service == "ecr" else "endpoint"],
            config=Config(proxies={}, retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
        )

    def ports(self):
        return [int(self.ready[name].rsplit(":", 1)[1]) for name in ("endpoint", "ecr_endpoint")]


def main():
    check_everything()
    for name, way in WAYS_TO_END.items():
        check_end(name, way)
    print("ok: everything")


def check_everything():
    with tempfile.TemporaryDirectory() as directory:
        world = World(directory)
        try:
            for check in (*ecr.CHECKS, *storage.CHECKS, *alarms.CHECKS, *cloud.CHECKS):
                started = time.monotonic()
                check(world)
                print(f"ok: {check.__doc__} ({time.monotonic() - started:.1f} s)", flush=True)
        except BaseException:
            print((world.directory / "local-aws.log").read_text()[-4000:], file=sys.stderr)
            raise
        finally:
            world.process.stdin.close()
            world.process.wait(timeout=20)


WAYS_TO_END = {
    "SIGTERM": lambda process: process.send_signal(signal.SIGTERM),
    "SIGKILL": lambda process: process.send_signal(signal.SIGKILL),
    "the end of stdin": lambda process: process.stdin.close(),
}


def check_end(name, way):
    """Ends a world that runs a function, and waits until nothing of it is left."""
    with tempfile.TemporaryDirectory() as directory:
        world = World(directory)
        processes = cloud.running_processes(world)
        way(world.process)
        code = world.process.wait(timeout=20)
        assert code == (-signal.SIGKILL if name == "SIGKILL" else 0), f"after {name} the exit code is {code}"
        deadline = time.monotonic() + 10
        while left := [*filter(alive, processes), *filter(listening, world.ports())]:
            assert time.monotonic() < deadline, f"after {name} these processes or ports are left: {left}"
            time.sleep(0.02)
    print(f"ok: nothing is left after {name}", flush=True)


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # One that has ended and waits for whoever inherited it is not left over.
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True).stdout.strip()
    return bool(state) and not state.startswith("Z")


def listening(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


if __name__ == "__main__":
    main()

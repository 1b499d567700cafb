"""The local stand-in for AWS: MiniStack for everything but ECR, moto for ECR, as one process to start and to stop.

    python local_aws.py --dir DIR --account 111122223333 --region eu-west-1 [--log FILE] [--step-delay-ms N]

Prints one line of JSON on stdout when both answer, and nothing else there:

    {"ready": true, "endpoint": "http://127.0.0.1:P", "ecr_endpoint": "http://127.0.0.1:Q",
     "account": "111122223333", "region": "eu-west-1"}

It ends on SIGTERM, on SIGINT and when its stdin ends, which is how it outlives no parent, however that one dies; so
stdin must be an open pipe or a terminal. Exit code 0 when asked to end, 1 with a sentence on stderr otherwise.

Everything it starts lives in two process groups, the functions MiniStack runs included, and is gone when it is.
Everything written is below DIR (which may hold faults.json, see patches/faults.py). It must not take anything from
the caller's environment but PATH: no credentials, no proxy, no Docker.
"""

import argparse
import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
START_SECONDS = 60
STOP_SECONDS = 10


class Trouble(Exception):
    """One sentence for the person who started this."""


class Server:
    """One emulator: a child in a session of its own, serving a socket that is open before the child runs.

    Holding the listening socket from the start leaves no gap in which another process could take the port, and a
    request sent too early waits instead of failing.
    """

    def __init__(self, name, script, health):
        self.name = name
        self.script = script
        self.health = health
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.endpoint = "http://127.0.0.1:%d" % self.socket.getsockname()[1]
        self.child = None

    def start(self, arguments, environment, log):
        """Runs the emulator; its stdin is a pipe that ends with this process, by which it notices our death."""
        self.child = subprocess.Popen(
            [sys.executable, "-B", str(HERE / self.script), str(self.socket.fileno()), *arguments],
            env=environment,
            cwd=environment["HOME"],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            pass_fds=[self.socket.fileno()],
            start_new_session=True,
        )
        self.socket.close()

    def ended(self):
        """How the child ended, or None. It is not reaped: as long as it is not, nobody else gets its group's id."""
        if not hasattr(os, "waitid"):  # macOS before Python 3.13
            code = self.child and self.child.poll()
            return None if code is None else f"with exit code {code}"
        found = self.child and os.waitid(os.P_PID, self.child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if not found:
            return None
        return f"with exit code {found.si_status}" if found.si_code == os.CLD_EXITED else f"by signal {found.si_status}"

    def answers(self):
        """Whether the emulator answers HTTP, whatever it answers."""
        try:
            with opener().open(self.endpoint + self.health, timeout=1):
                return True
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False

    def kill(self):
        """Ends the child and all it started. Their state is in memory or below DIR: there is nothing to save."""
        if self.child is None:
            self.socket.close()
            return
        try:
            os.killpg(self.child.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass  # macOS says "not permitted" of a group of which only the unreaped leader is left
        self.child.wait(timeout=STOP_SECONDS)


def opener():
    """An HTTP client that no proxy setting leads away from 127.0.0.1."""
    return urllib.request.build_opener(urllib.request.ProxyHandler({}))


def main():
    arguments = parse_arguments()
    stop = stop_signals()
    servers = []
    try:
        ready = start(arguments, servers, stop)
        if ready is not None:
            print(json.dumps(ready), flush=True)
            watch(servers, stop, arguments.log)
    except Trouble as trouble:
        print(f"local_aws.py: {trouble}", file=sys.stderr)
        return 1
    finally:
        for server in servers:
            server.kill()
    return 0


def parse_arguments():
    parser = argparse.ArgumentParser(description="The local stand-in for AWS.")
    parser.add_argument("--dir", type=Path, required=True, help="where everything it writes goes")
    parser.add_argument("--account", type=twelve_digits, required=True, help="the AWS account, 12 digits")
    parser.add_argument("--region", required=True, help="the default region, such as eu-west-1")
    parser.add_argument("--log", type=Path, help="the emulators' own log (default DIR/local-aws.log)")
    parser.add_argument("--step-delay-ms", type=int, default=0, help="how long CloudFormation takes per resource")
    arguments = parser.parse_args()
    arguments.dir = arguments.dir.resolve()
    arguments.log = (arguments.log or arguments.dir / "local-aws.log").resolve()
    return arguments


def twelve_digits(text):
    if not re.fullmatch(r"[0-9]{12}", text):
        raise argparse.ArgumentTypeError(f"'{text}' is not an account id of 12 digits")
    return text


def stop_signals():
    """A descriptor that becomes readable when SIGTERM, SIGINT or SIGHUP arrives, so that one select waits for all."""
    readable, writable = os.pipe()
    os.set_blocking(writable, False)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    signal.set_wakeup_fd(writable, warn_on_full_buffer=False)
    return readable


def start(arguments, servers, stop):
    """Starts both and returns the ready line, or None when asked to stop meanwhile."""
    arguments.dir.mkdir(parents=True, exist_ok=True)
    for name in ("home", "tmp", "state"):
        (arguments.dir / name).mkdir(exist_ok=True)
    ecr = Server("moto", "ecr.py", "/moto-api/")
    cloud = Server("MiniStack", "cloud.py", "/_ministack/health")
    servers.extend((ecr, cloud))
    with open(arguments.log, "ab") as log:
        ecr.start([str(arguments.dir)], ecr_environment(arguments), log)
        cloud.start([str(arguments.dir), str(arguments.step_delay_ms)],
                    cloud_environment(arguments, cloud.endpoint, ecr.endpoint), log)
    deadline = time.monotonic() + START_SECONDS
    for server in servers:
        while not server.answers():
            if stop_wanted(stop, 0.05):
                return None
            fail_if_ended(servers, arguments.log)
            if time.monotonic() > deadline:
                raise Trouble(f"{server.name} did not answer within {START_SECONDS} seconds; see {arguments.log}")
    return {"ready": True, "endpoint": cloud.endpoint, "ecr_endpoint": ecr.endpoint,
            "account": arguments.account, "region": arguments.region}


def common_environment(arguments):
    """What both emulators, and through MiniStack the functions, are given."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(arguments.dir / "home"),
        "TMPDIR": str(arguments.dir / "tmp"),
        "LANG": "C.UTF-8",
        "AWS_DEFAULT_REGION": arguments.region,
    }


def ecr_environment(arguments):
    return {**common_environment(arguments), "MOTO_ACCOUNT_ID": arguments.account}


def cloud_environment(arguments, endpoint, ecr_endpoint):
    """MiniStack's settings. Functions inherit them (less those that patches/function_environment.py takes away)."""
    return {
        **common_environment(arguments),
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ENDPOINT_URL_ECR": ecr_endpoint,
        "GATEWAY_PORT": endpoint.rsplit(":", 1)[1],
        "MINISTACK_ACCOUNT_ID": arguments.account,
        "MINISTACK_REGION": arguments.region,
        "STATE_DIR": str(arguments.dir / "state"),
        "S3_DATA_DIR": str(arguments.dir / "state" / "s3"),
        # MiniStack cleans up containers it finds; the user's Docker is none of its business.
        "DOCKER_HOST": "unix://" + str(arguments.dir / "no-docker.sock"),
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "LOG_LEVEL": "WARNING",
    }


def watch(servers, stop, log):
    while not stop_wanted(stop, 0.5):
        fail_if_ended(servers, log)


def stop_wanted(stop, seconds):
    """Waits that long for a signal or for stdin to end; what is written to stdin is read and ignored."""
    readable, _, _ = select.select([stop, 0], [], [], seconds)
    if stop in readable:
        return True
    return 0 in readable and not os.read(0, 4096)


def fail_if_ended(servers, log):
    for server in servers:
        how = server.ended()
        if how:
            raise Trouble(f"{server.name} ended {how}. The end of {log}:\n{tail(log)}")


def tail(log, lines=12):
    try:
        with open(log, "rb") as opened:
            opened.seek(max(0, opened.seek(0, os.SEEK_END) - 8192))
            text = opened.read().decode("utf-8", "replace")
    except OSError as error:
        return f"(its log cannot be read: {error})"
    return "\n".join(text.splitlines()[-lines:])


if __name__ == "__main__":
    sys.exit(main())

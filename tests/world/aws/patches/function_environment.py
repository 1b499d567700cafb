"""A function sees only what Lambda would give it, and the two addresses that stand in for AWS.

MiniStack hands a function its own environment, settings of the server included, so a function could come to lean on
what is not there in AWS.
"""

from ministack.services import lambda_svc

from . import private

SERVER_ONLY = (
    "AWS_DEFAULT_REGION",  # set by Lambda itself, below
    "DOCKER_HOST",
    "GATEWAY_PORT",
    "HOME",
    "IOT_MTLS_ENABLED",
    "MINISTACK_ACCOUNT_ID",
    "MINISTACK_HOST_PREFIX",
    "MINISTACK_REGION",
    "S3_DATA_DIR",
    "SFTP_ENABLED",
    "STATE_DIR",
)


def install():
    environment_of = private.function(lambda_svc, "_provided_worker_env", "config", "code_dir", "port")

    def worker_environment(config, code_dir, port):
        environment = environment_of(config, code_dir, port)
        own = (config.get("Environment") or {}).get("Variables") or {}
        for name in SERVER_ONLY:
            if name not in own:
                environment.pop(name, None)
        if "LOG_LEVEL" not in own:
            # MiniStack's own level, and a name that functions like to use.
            environment.pop("LOG_LEVEL", None)
        environment["AWS_DEFAULT_REGION"] = environment["AWS_REGION"]
        return environment

    lambda_svc._provided_worker_env = worker_environment

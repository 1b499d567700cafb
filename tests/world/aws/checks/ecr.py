"""Checks of the registry: what the policy reads from ECR."""

import json
import urllib.request

from botocore.exceptions import ClientError

# No proxy leads to the stand-in.
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))

MUTABILITY = {
    "immutable": {"imageTagMutability": "IMMUTABLE"},
    "mutable": {"imageTagMutability": "MUTABLE"},
    "immutable-except": {
        "imageTagMutability": "IMMUTABLE_WITH_EXCLUSION",
        "imageTagMutabilityExclusionFilters": [{"filterType": "WILDCARD", "filter": "dev-*"}],
    },
    "mutable-except": {
        "imageTagMutability": "MUTABLE_WITH_EXCLUSION",
        "imageTagMutabilityExclusionFilters": [{"filterType": "WILDCARD", "filter": "v*"}],
    },
}


def repositories(world):
    """ECR shows repositories of every tag mutability under the account's number"""
    client = world.client("ecr")
    for name, settings in MUTABILITY.items():
        client.create_repository(repositoryName=f"mutability/{name}", **settings)
    for name, settings in MUTABILITY.items():
        answer = client.describe_repositories(registryId=world.account, repositoryNames=[f"mutability/{name}"])
        (found,) = answer["repositories"]
        assert found["registryId"] == world.account, found
        arn = f"arn:aws:ecr:{world.region}:{world.account}:repository/mutability/{name}"
        assert found["repositoryArn"] == arn, found
        assert found["repositoryUri"].startswith(f"{world.account}.dkr.ecr.{world.region}.amazonaws.com/"), found
        assert {key: found[key] for key in settings} == settings, found


def errors(world):
    """ECR names a missing repository and refuses another account's registry"""
    client = world.client("ecr")
    for registry, code in ((world.account, "RepositoryNotFoundException"), ("444455556666", "AccessDeniedException")):
        try:
            answer = client.describe_repositories(registryId=registry, repositoryNames=["mutability/none"])
        except ClientError as error:
            assert error.response["Error"]["Code"] == code, error.response
        else:
            raise AssertionError(f"registry {registry} answered {answer}")


SCANNED = {
    # name: (scan on push of the repository, scanOnPush, scanFrequency)
    "scan/by-own-flag": (True, True, "MANUAL"),
    "scan/contains-word-inside": (False, True, "SCAN_ON_PUSH"),
    "prod/by-prefix": (False, False, "CONTINUOUS_SCAN"),
    "scan/prod/not-by-prefix": (False, False, "MANUAL"),
    "prod/word-of-both": (False, False, "CONTINUOUS_SCAN"),
}


def scanning(world):
    """ECR applies the registry's scanning rules to repositories made before and after them"""
    client = world.client("ecr")
    names = list(SCANNED)
    create = lambda name: client.create_repository(
        repositoryName=name, imageScanningConfiguration={"scanOnPush": SCANNED[name][0]})
    for name in names[:3]:
        create(name)
    rules = [
        {"scanFrequency": "CONTINUOUS_SCAN", "repositoryFilters": [{"filter": "prod/*", "filterType": "WILDCARD"}]},
        {"scanFrequency": "SCAN_ON_PUSH", "repositoryFilters": [{"filter": "word", "filterType": "WILDCARD"}]},
    ]
    client.put_registry_scanning_configuration(scanType="ENHANCED", rules=rules)
    for name in names[3:]:
        create(name)
    registry = client.get_registry_scanning_configuration()
    assert registry["registryId"] == world.account, registry
    assert registry["scanningConfiguration"] == {"scanType": "ENHANCED", "rules": rules}, registry
    answer = client.batch_get_repository_scanning_configuration(repositoryNames=[*names, "scan/none"])
    found = {each["repositoryName"]: (each["scanOnPush"], each["scanFrequency"])
             for each in answer["scanningConfigurations"]}
    assert found == {name: expected[1:] for name, expected in SCANNED.items()}, found
    assert [each["failureCode"] for each in answer["failures"]] == ["REPOSITORY_NOT_FOUND"], answer["failures"]


def throttling(world):
    """ECR throttles as often as it is told to what names that repository, and nothing else"""
    name, other = "mutability/mutable", "mutability/immutable"
    address = f"{world.ready['ecr_endpoint']}/local-world/throttle?name={name}"
    told = lambda request: int(DIRECT.open(request, timeout=5).read())
    assert told(urllib.request.Request(f"{address}&times=2", method="POST")) == 2
    assert describe(world, other) == "well"
    assert [describe(world, name) for _ in range(3)] == ["ThrottlingException", "ThrottlingException", "well"]
    assert told(address) == 0


def outage(world):
    """ECR refuses every call with the code that faults.json says, until it says so no more"""
    file, names = world.directory / "faults.json", ["mutability/mutable", "mutability/none"]
    file.write_text(json.dumps({"ecr": "ServerException"}))
    assert [describe(world, name) for name in names] == ["ServerException"] * 2
    file.unlink()
    assert [describe(world, name) for name in names] == ["well", "RepositoryNotFoundException"]


def describe(world, name):
    """The error's code, or "well"."""
    try:
        world.client("ecr").describe_repositories(repositoryNames=[name])
    except ClientError as error:
        return error.response["Error"]["Code"]
    return "well"


CHECKS = (repositories, errors, scanning, throttling, outage)

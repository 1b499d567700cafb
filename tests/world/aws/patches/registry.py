"""What moto's ECR answers differently from AWS's documents, put right.

- Registry scanning filters: moto ends a wildcard filter anywhere (`prod*` and `*prod` both match by their start) and
  lets the last rule win, where a repository that rules of both frequencies match is scanned continuously.
  https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-scanning-filters.html
- BatchGetRepositoryScanningConfiguration: moto says `scanOnPush: false` of every repository.
- Another account's registry: moto answers an empty list, or tells that a name does not exist; AWS refuses.
"""

import re

from moto.core.exceptions import ServiceException
from moto.ecr import models

from . import private


class AccessDeniedException(ServiceException):
    """What ECR says when no policy of another account's registry lets the caller in."""

    code = "AccessDeniedException"


def install():
    backend = private.value(models, "ECRBackend", type)
    private.function(models.ECRBackend, "_get_repository", "self", "name", "registry_id")
    private.function(backend, "batch_get_repository_scanning_configuration", "self", "names")
    backend.batch_get_repository_scanning_configuration = batch_get_scanning_configuration
    refuse_other_registries(backend)


def refuse_other_registries(backend):
    describe = private.function(backend, "describe_repositories", "self", "registry_id", "repository_names")

    def describe_own(self, registry_id=None, repository_names=None):
        if registry_id and registry_id != self.account_id:
            names = repository_names or ["*"]
            raise AccessDeniedException(
                f"User: arn:aws:sts::{self.account_id}:assumed-role/local/local is not authorized to perform: "
                f"ecr:DescribeRepositories on resource: arn:aws:ecr:{self.region_name}:{registry_id}:repository/"
                f"{names[0]} because no resource-based policy allows the ecr:DescribeRepositories action"
            )
        return describe(self, registry_id, repository_names)

    backend.describe_repositories = describe_own


def batch_get_scanning_configuration(self, names):
    configurations, missing = [], []
    for name in names:
        try:
            repository = self._get_repository(name=name, registry_id=None)
        except models.RepositoryNotFoundException:
            missing.append(name)
            continue
        configurations.append(configuration(repository, self.registry_scanning_configuration["rules"]))
    return configurations, missing


def configuration(repository, rules):
    """One repository's effective scanning, from the registry's rules as they are now."""
    matching = [
        (rule["scanFrequency"], each)
        for rule in rules
        for each in rule["repositoryFilters"]
        if matches(each["filter"], repository.name)
    ]
    frequencies = {frequency for frequency, _ in matching}
    effective = next((f for f in ("CONTINUOUS_SCAN", "SCAN_ON_PUSH") if f in frequencies), "MANUAL")
    return {
        "repositoryArn": repository.arn,
        "repositoryName": repository.name,
        "scanOnPush": bool(repository.image_scanning_configuration.get("scanOnPush")) or effective == "SCAN_ON_PUSH",
        "scanFrequency": effective,
        "appliedScanFilters": [each for frequency, each in matching if frequency == effective],
    }


def matches(pattern, name):
    """Without a wildcard a filter matches every name that contains it; `*` is any text, and the ends are then fixed."""
    if "*" not in pattern:
        return pattern in name
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), name) is not None

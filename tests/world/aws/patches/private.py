"""Takes hold of the emulators' private names, and says so in a sentence when one has gone.

A patch on a name that is no longer there, or no longer takes what it took, would silently do nothing: the local world
would then answer differently from AWS and the tests would still be green.
"""

import inspect
import re
from importlib import metadata
from pathlib import Path

REQUIREMENTS = Path(__file__).resolve().parent.parent / "requirements" / "emulators.in"


class Changed(Exception):
    """A private name is not what a patch was written for; the sentence names the pinned version."""

    def __init__(self, package, what):
        pinned = re.search(rf"^{package}==(\S+)$", REQUIREMENTS.read_text(), re.MULTILINE)
        version = pinned.group(1) if pinned else "(no longer pinned)"
        super().__init__(
            f"{package} {metadata.version(package)} {what}. Our patches are written for {package}=={version}, pinned "
            f"in tests/world/aws/requirements/emulators.in: look at the patch before moving the pin."
        )


def package_of(owner):
    module = owner.__name__ if inspect.ismodule(owner) else owner.__module__
    return module.split(".")[0]


def name_of(owner):
    return owner.__name__ if inspect.ismodule(owner) else f"{owner.__module__}.{owner.__qualname__}"


def value(owner, name, kind):
    """The attribute `name` of a module or class, which must be a `kind`."""
    found = getattr(owner, name, None)
    if not isinstance(found, kind):
        raise Changed(package_of(owner), f"has no {kind.__name__} {name_of(owner)}.{name}")
    return found


def function(owner, name, *parameters):
    """The function `name` of a module or class, which must take exactly parameters of these names."""
    found = getattr(owner, name, None)
    if not callable(found):
        raise Changed(package_of(owner), f"has no function {name_of(owner)}.{name}")
    taken = tuple(inspect.signature(found).parameters)
    if taken != parameters:
        raise Changed(package_of(owner), f"changed {name_of(owner)}.{name}: it takes {taken}, not {parameters}")
    return found

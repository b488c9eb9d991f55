"""All the cases."""

import functools
import itertools

from kit.chains import constraining, naming, paths, policing, revoking, usages
from kit.chains.case import Case


@functools.cache
def corpus() -> tuple[Case, ...]:
    """Make them, once a session."""
    modules = (paths, usages, naming, constraining, policing, revoking)
    return tuple(itertools.chain.from_iterable(module.cases() for module in modules))

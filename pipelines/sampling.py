"""How long Beam's Python worker waits at the end of each bundle for its own thread of samples."""

from __future__ import annotations

import inspect
import logging

from apache_beam.runners.worker.statesampler import StateSampler

PERIOD_MILLIS = 2
"""How often the worker looks which step is at work, for the metrics of time a step. A job of two
million records took no more CPU with it than with Beam's 200, in runs in turns."""
_PARAMETER = "sampling_period_ms"
_LOGGER = logging.getLogger(__name__)


def sample_often(period_millis: int = PERIOD_MILLIS) -> bool:
    """Lets all samplers that are made from now on sleep no longer than this; whether they do.

    A bundle ends when the thread that samples has woken up: with Beam's 200 ms after up to a sixth
    of what the bundle has lasted, 8 ms of each 50 at 500 records a second, in which nothing is
    read. Beam has no option for it: it is the default of a parameter that its worker leaves away.
    """
    parameters = inspect.signature(StateSampler.__init__).parameters
    defaults = {
        name: one.default for name, one in parameters.items() if one.default is not one.empty
    }
    if not isinstance(defaults.get(_PARAMETER), int):
        _LOGGER.debug("this Beam has no %s: bundles end as they do", _PARAMETER)
        return False
    defaults[_PARAMETER] = period_millis
    StateSampler.__init__.__defaults__ = tuple(defaults.values())
    return True

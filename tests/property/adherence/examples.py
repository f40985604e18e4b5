"""How many examples a property is tried on: few each time, many when asked for."""

import os

from hypothesis import HealthCheck, settings


def examples(usual: int) -> settings:
    """Settings for this many examples, or as many as ADHERE_EXAMPLES says."""
    return settings(
        deadline=None,
        max_examples=int(os.environ.get("ADHERE_EXAMPLES", usual)),
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )

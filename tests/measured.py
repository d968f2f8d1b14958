"""What metrics say, for tests of what is counted."""

from __future__ import annotations

from schemas.metrics import REGISTRY


def measured(name: str, **labels: str) -> float:
    """The value of one metric now; 0 before it was first set. Fails for a name that is not declared."""
    family = name.removesuffix("_total").removesuffix("_count")
    assert any(found.name == family for found in REGISTRY.collect()), name
    return REGISTRY.get_sample_value(name, labels) or 0

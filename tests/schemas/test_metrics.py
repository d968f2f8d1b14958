"""Metrics: each declared once, with a unit and a sentence, and none besides."""

from __future__ import annotations

import subprocess
import sys

import pytest

from pages.metric_page import metrics_page
from schemas.metrics import DECLARED, REGISTRY, Declared, exposition


@pytest.mark.parametrize("metric", DECLARED, ids=[metric.name for metric in DECLARED])
def test_a_metric_has_a_unit_and_a_sentence_and_is_on_the_page(metric: Declared) -> None:
    assert metric.unit
    assert metric.sentence.endswith(".")
    assert metric.name.endswith("_total") == (metric.kind == "counter")
    assert f"| `{metric.name}` | {metric.kind} | {metric.unit} |" in metrics_page()


def test_nothing_is_measured_that_is_not_declared() -> None:
    measured = {family.name for family in REGISTRY.collect() if not family.name.startswith("process_")}
    assert measured == {metric.name.removesuffix("_total") for metric in DECLARED}
    assert len(DECLARED) == len(measured)


def test_the_text_that_is_served_has_help_for_each() -> None:
    text = exposition().decode()
    for metric in DECLARED:
        assert f"# HELP {metric.name} {metric.sentence}" in text
    assert "_created" not in text


def test_before_anything_was_stored_nothing_has_an_age() -> None:
    asked = "from schemas.metrics import exposition; print(exposition().decode())"
    told = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True).stdout
    assert "\nidtrail_newest_stored_timestamp_seconds NaN\n" in told

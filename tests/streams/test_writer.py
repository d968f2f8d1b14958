"""Patience with a store that is away."""

from __future__ import annotations

import math

import pytest

from schemas.errors import StoreAway
from streams.writer import patiently
from tests.measured import measured


@pytest.mark.parametrize("seconds", [pytest.param(60, id="for a time"), pytest.param(math.inf, id="for ever")])
async def test_a_store_that_comes_back_costs_a_retry_which_is_counted(seconds: float) -> None:
    answers: list[StoreAway | str] = [StoreAway("ClickHouse does not answer"), "there"]

    def call() -> str:
        answer = answers.pop(0)
        if isinstance(answer, StoreAway):
            raise answer
        return answer

    before = measured("idtrail_store_retries_total")
    assert await patiently(call, seconds) == "there"
    assert measured("idtrail_store_retries_total") == before + 1

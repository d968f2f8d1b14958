"""Patience with a store that is away."""

from __future__ import annotations

from schemas.errors import StoreAway
from streams.writer import patiently
from tests.measured import measured


async def test_a_store_that_comes_back_costs_a_retry_which_is_counted() -> None:
    answers: list[StoreAway | str] = [StoreAway("ClickHouse does not answer"), "there"]

    def call() -> str:
        answer = answers.pop(0)
        if isinstance(answer, StoreAway):
            raise answer
        return answer

    before = measured("idtrail_store_retries_total")
    assert await patiently(call, 60) == "there"
    assert measured("idtrail_store_retries_total") == before + 1

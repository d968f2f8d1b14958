"""Follows the live feed through restarts and lost connections, without gap or repeat."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final, Protocol

import orjson

from schemas.errors import Away, Denied, Gone, UserError

if TYPE_CHECKING:
    from httpx_sse import ServerSentEvent

    from idtrail.cli.client import Parameters

PATH: Final = "/api/v1/stream"
LONGEST_WAIT_SECONDS: Final = 30


class Streaming(Protocol):
    """The part of `Api` that is used."""

    def stream(self, path: str, parameters: Parameters, last_id: str) -> Iterator[ServerSentEvent]: ...


def follow(
    connect: Callable[[], Streaming],
    parameters: Parameters,
    say: Callable[[str], None],
    wait: Callable[[float], None],
) -> Iterator[ServerSentEvent]:
    """Yield messages with data, without end; `connect` is called again after each break.

    An error at the very beginning is raised, and so is a token that has become invalid. For other breaks it calls
    `say`, waits and retries. If the log no longer holds the position, `say` is called too, and the feed goes on with
    what comes now.
    """
    last, tries, began = "", 0, False
    while True:
        trouble = "the connection ended"
        try:
            for message in connect().stream(PATH, parameters, last):
                if tries:
                    say("connected again")
                last, tries, began = message.id or last, 0, True
                if message.event == "dropped":
                    trouble = str(orjson.loads(message.data)["reason"])
                    break
                if message.data:
                    yield message
        except Gone as error:
            if not last:
                raise
            say(f"there is a gap: {error}. Going on with what comes now")
            last, parameters = "", {name: value for name, value in parameters.items() if name != "since"}
            continue
        except (Away, UserError) as error:
            if not began or isinstance(error, Denied):
                raise
            trouble = str(error)
        seconds = min(2**tries, LONGEST_WAIT_SECONDS)
        tries += 1
        say(f"{trouble}; trying again in {seconds} s")
        wait(seconds)

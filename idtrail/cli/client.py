"""The CLI's client of the API: its address, the token, and the meaning of its errors."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO, Final
from weakref import finalize

import httpx
from httpx_sse import EventSource, ServerSentEvent, SSEError, aconnect_sse

from idtrail.settings import Settings
from idtrail.stack.lock import read_running
from queries.checks.lag_watch import HEADER as BEHIND_HEADER
from queries.release import HEADER as RELEASE_HEADER
from queries.release import RELEASE
from schemas.errors import BadUsage, Denied, FeedAway, Gone, NotFound, StoreAway, UserError

TIMEOUT_SECONDS: Final = 60.0
SILENCE_SECONDS: Final = 45.0
"""A stream silent for this long is lost: it sends a sign of life three times as often."""

_ERRORS: Final[dict[int, type[UserError]]] = {
    400: BadUsage,
    401: Denied,
    403: Denied,
    404: NotFound,
    410: Gone,
    422: BadUsage,
}

Parameters = Mapping[str, str | int | bool | list[str] | None]


class Api:
    """A client of a running trail. Every failure becomes an idtrail error with a sentence.

    Its connections are closed when it is garbage collected.
    """

    def __init__(self, settings: Settings, say: Callable[[str], None] | None = None) -> None:
        """`say` is called once each if the trail is of another release, and if an answer may lack records."""
        self._say = say
        self._said: set[str] = set()
        url = settings.api_url
        if not url:
            running = read_running(settings.state)
            if running is None:
                raise UserError(
                    f"no trail is running in {settings.state}: start one with `idtrail up`, "
                    "or set IDTRAIL_API_URL to where one is"
                )
            url = running.api_url
        self.url = url
        self._headers = {"Authorization": f"Bearer {_token(settings)}"}
        self._http = httpx.Client(base_url=url, headers=self._headers, timeout=TIMEOUT_SECONDS)
        finalize(self, self._http.close)

    def get(self, path: str, parameters: Parameters | None = None) -> Any:
        """Return the JSON at `path`. Parameters that are None are left out."""
        return self._send("GET", path, parameters=parameters).json()

    def get_bytes(self, path: str) -> bytes:
        """Return the bytes at `path`."""
        return self._send("GET", path).content

    def download(self, path: str, parameters: Parameters, to: BinaryIO) -> Iterator[int]:
        """Write the bytes at `path` to `to`, block by block, and yield the size of each. Raises `UserError` if they are
        incomplete."""
        query = {name: value for name, value in parameters.items() if value is not None}
        try:
            with self._http.stream("GET", path, params=query) as answer:
                if not answer.is_success:
                    answer.read()
                    raise _ERRORS.get(answer.status_code, UserError)(_sentence(answer))
                for block in answer.iter_raw():
                    to.write(block)
                    yield len(block)
        except httpx.HTTPError as error:
            raise UserError(f"{self.url} broke off ({error}): try again; the trail's logs say why") from None

    def post(self, path: str, body: object, parameters: Parameters | None = None) -> Any:
        """Send `body` as JSON and return the API's answer."""
        return self._send("POST", path, parameters=parameters, json=body).json()

    def delete(self, path: str) -> None:
        """Delete what is at `path`."""
        self._send("DELETE", path)

    def pages(self, path: str, parameters: Parameters, limit: int) -> Iterator[Any]:
        """Yield the items of a keyset-paged list, at most `limit`, fetched page by page."""
        left, cursor = limit, None
        while left > 0:
            page = self.get(path, {**parameters, "limit": min(left, 500), "cursor": cursor})
            yield from page["items"]
            left -= len(page["items"])
            cursor = page["next"]
            if cursor is None:
                return

    def stream(self, path: str, parameters: Parameters, last_id: str) -> Iterator[ServerSentEvent]:
        """Yield the messages of a stream, including those without data, until it ends. Raises `FeedAway` when it
        breaks."""
        query = {name: value for name, value in parameters.items() if value is not None}
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": last_id} if last_id else {})
        with (
            self._breaks(),
            self._http.stream("GET", path, params=query, headers=headers, timeout=SILENCE_SECONDS) as answer,
        ):
            if not answer.is_success:
                answer.read()
                raise _stream_error(answer)
            yield from EventSource(answer).iter_sse()

    async def stream_async(self, path: str, parameters: Parameters, last_id: str) -> AsyncIterator[ServerSentEvent]:
        """Like `stream`, in an event loop, where a reader can be cancelled while nothing comes."""
        query = {name: value for name, value in parameters.items() if value is not None}
        headers = self._headers | ({"Last-Event-ID": last_id} if last_id else {})
        with self._breaks():
            async with (
                httpx.AsyncClient(base_url=self.url, headers=headers, timeout=SILENCE_SECONDS) as client,
                aconnect_sse(client, "GET", path, params=query) as source,
            ):
                if not source.response.is_success:
                    await source.response.aread()
                    raise _stream_error(source.response)
                async for message in source.aiter_sse():
                    yield message

    @contextmanager
    def _breaks(self) -> Iterator[None]:
        """Turn the errors that a stream breaks with into `FeedAway`."""
        try:
            yield
        except httpx.TimeoutException:
            raise FeedAway(f"nothing came from {self.url} for {SILENCE_SECONDS:.0f} s") from None
        except (httpx.HTTPError, SSEError) as error:
            raise FeedAway(f"{self.url} does not answer ({error})") from None

    def _send(
        self, method: str, path: str, *, parameters: Parameters | None = None, json: object = None
    ) -> httpx.Response:
        query = {name: value for name, value in (parameters or {}).items() if value is not None}
        try:
            answer = self._http.request(method, path, params=query, json=json)
        except httpx.TimeoutException:
            raise StoreAway(
                f"{self.url} did not answer within {TIMEOUT_SECONDS:.0f} s: {_after(method, query)}"
            ) from None
        except httpx.HTTPError as error:
            raise UserError(
                f"{self.url} does not answer ({error}): is the trail running? Check with `idtrail doctor`"
            ) from None
        release, behind = answer.headers.get(RELEASE_HEADER, RELEASE), int(answer.headers.get(BEHIND_HEADER, 0))
        if release != RELEASE:
            self._say_once(
                RELEASE_HEADER,
                f"the trail at {self.url} runs idtrail {release}, this command is of {RELEASE}: "
                "restart the trail, or take the command of its release",
            )
        if behind:
            lacking = "1 record is not stored yet: this may miss it"
            if behind > 1:
                lacking = f"{behind:,} records are not stored yet: this may miss them"
            self._say_once(BEHIND_HEADER, lacking)
        if answer.is_success:
            return answer
        raise _ERRORS.get(answer.status_code, UserError)(_sentence(answer))

    def _say_once(self, what: str, sentence: str) -> None:
        if self._say is not None and what not in self._said:
            self._said.add(what)
            self._say(sentence)


def _after(method: str, query: Mapping[str, object]) -> str:
    """Return what to do about a request without an answer."""
    if method != "GET":
        return "it may have been carried out, so look before you repeat it"
    if "since" in query:
        return "narrow the time range"
    return "`idtrail doctor` tells whether the trail is busy"


def _stream_error(answer: httpx.Response) -> FeedAway | UserError:
    kind = FeedAway if answer.status_code >= 500 else _ERRORS.get(answer.status_code, UserError)
    return kind(_sentence(answer))


def _sentence(answer: httpx.Response) -> str:
    try:
        problem = answer.json()
        return str(problem.get("detail") or problem["title"])
    except (ValueError, KeyError, AttributeError):
        return f"the API answered {answer.status_code} {answer.reason_phrase}"


def _token(settings: Settings) -> str:
    token = settings.token.get_secret_value()
    if token:
        return token
    file = settings.state / "token"
    try:
        return file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        raise Denied(f"no token: set IDTRAIL_TOKEN, or read it into {file}") from None

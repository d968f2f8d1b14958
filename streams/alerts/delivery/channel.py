"""Sends to a destination: a signed webhook, or any service of Apprise. The only code that sees URLs and secrets.

Problems are reported in sentences of ours, because library messages may hold the address.
"""

from __future__ import annotations

import asyncio
import hmac
import ssl
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, closing
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final, NamedTuple, Protocol

import apprise
import httpx

from schemas.alerts import Severity
from schemas.errors import BadUsage, Fatal
from streams.alerts.delivery.address import Unreachable, checked_address, refuse_private
from streams.alerts.delivery.destinations import Destination
from streams.alerts.delivery.plan import LONGEST_WAIT, Message
from streams.alerts.delivery.service import SECONDS, Notice, open_service, serve
from streams.alerts.delivery.words import body_of, incident_of, message_id, text_of, title_of, urgency_of
from streams.child import Child

ANSWER_SECONDS: Final = 10.0
"""Time limit for a webhook's answer."""

_TYPES: Final = {
    Severity.CRITICAL: apprise.NotifyType.FAILURE,
    Severity.HIGH: apprise.NotifyType.FAILURE,
    Severity.MEDIUM: apprise.NotifyType.WARNING,
    Severity.LOW: apprise.NotifyType.INFO,
    None: apprise.NotifyType.SUCCESS,
}
"""The Apprise type of each severity: services choose colours by it, and some their own severity."""


class Answer(NamedTuple):
    """The result of sending a message."""

    problem: str = ""
    """Empty when the message was accepted, else the reason in a sentence that anybody may see."""
    not_before: datetime | None = None
    """Until when the destination asked for no more messages."""


class Channel(Protocol):
    """Sends to one destination."""

    async def tell(self, message: Message) -> Answer:
        """Send a message."""

    async def test(self, title: str, text: str) -> Answer:
        """Send a test message."""


def open_channel(
    destination: Destination, *, private: bool, clock: Callable[[], datetime], api_url: str = ""
) -> Channel:
    """Open the channel of a destination. `private` allows addresses that are not on the internet. `api_url` is the base
    of links to alerts; empty for no links.

    Raises `BadUsage` when its URL cannot be used.
    """
    if destination.is_webhook:
        return _Webhook(destination, private, clock, api_url)
    return _Apprise(destination, private, api_url)


def signed(key: bytes, message: str, at: datetime, body: bytes) -> dict[str, str]:
    """Return the headers of Standard Webhooks."""
    stamp = str(int(at.timestamp()))
    digest = hmac.digest(key, f"{message}.{stamp}.".encode() + body, "sha256")
    return {
        "webhook-id": message,
        "webhook-timestamp": stamp,
        "webhook-signature": f"v1,{b64encode(digest).decode()}",
        "content-type": "application/json",
    }


def rest_until(retry_after: str, now: datetime) -> datetime | None:
    """Return until when an answer with this `Retry-After` asks for no more messages, an hour at most; None if it does
    not ask."""
    try:
        if retry_after.isdecimal():
            seconds = min(int(retry_after), LONGEST_WAIT.total_seconds())
            until = now + timedelta(seconds=seconds)
        else:
            named = parsedate_to_datetime(retry_after)
            until = min(named if named.tzinfo else named.replace(tzinfo=UTC), now + LONGEST_WAIT)
    except (ValueError, OverflowError):
        return None
    return until if until > now else None


class _Webhook:
    def __init__(self, destination: Destination, private: bool, clock: Callable[[], datetime], api_url: str) -> None:
        self._api_url = api_url
        self._name, self._key, self._private, self._clock = destination.name, destination.key(), private, clock
        try:
            self._url = httpx.URL(destination.url.get_secret_value().partition("+")[2])
            named = self._url.host
        except (httpx.InvalidURL, UnicodeError):  # UnicodeError: the host is not a valid name
            named = ""
        if not named:
            raise BadUsage(f"{destination.name}.url: is not the address of a webhook: write webhook+https://host/path")
        _refuse_port(destination.name, self._url.port)
        self._tls = httpx.create_ssl_context(trust_env=False)

    async def tell(self, message: Message) -> Answer:
        (item,) = message.items
        now = self._clock()
        return await self._post(message_id(self._name, item), now, body_of(self._name, item, now, self._api_url))

    async def test(self, title: str, text: str) -> Answer:
        now = self._clock()
        told = {"type": "test", "timestamp": now.isoformat(), "data": {"destination": self._name, "text": text}}
        return await self._post(f"msg_test_{now.timestamp():.6f}", now, httpx.Request("POST", "/", json=told).content)

    async def _post(self, message: str, now: datetime, body: bytes) -> Answer:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await self._send(signed(self._key, message, now, body), body)
        except TimeoutError:
            return Answer(f"no answer within {ANSWER_SECONDS:.0f} s")
        except Unreachable as error:
            return Answer(str(error))
        except (httpx.HTTPError, OSError) as error:
            return Answer(_why(error))

    async def _send(self, headers: dict[str, str], body: bytes) -> Answer:
        """Send to the address that was checked, and to no other: the name may resolve differently the next time."""
        url = self._url
        port = url.port or (443 if url.scheme == "https" else 80)
        address = await checked_address(url.host, port, private=self._private)
        request = httpx.Request(
            "POST",
            url.copy_with(host=address),
            content=body,
            headers={**headers, "host": url.netloc.decode("ascii"), "user-agent": "idtrail"},
            extensions={"sni_hostname": url.host, "timeout": httpx.Timeout(ANSWER_SECONDS).as_dict()},
        )
        if url.userinfo:
            request = next(httpx.BasicAuth(url.username, url.password).auth_flow(request))
        # A transport knows neither proxies nor .netrc passwords: the request goes where the file says. A client would
        # also parse the address of a redirect that it does not follow, and raise what no caller expects.
        async with (
            httpx.AsyncHTTPTransport(verify=self._tls, trust_env=False) as transport,
            aclosing(await transport.handle_async_request(request)) as answer,
        ):
            if answer.is_success:
                return Answer()
            if answer.has_redirect_location:
                return Answer(f"it answers {answer.status_code} with another address: redirects are not followed")
            until = rest_until(answer.headers.get("retry-after", ""), self._clock())
            asks = "" if until is None else f" and asks for rest until {until:%H:%M:%S} UTC"
            return Answer(f"it answers {answer.status_code}{asks}", until)


class _Apprise:
    def __init__(self, destination: Destination, private: bool, api_url: str) -> None:
        self._name, self._private, self._api_url = destination.name, private, api_url
        self._url, self._of_incidents = destination.url.get_secret_value(), destination.of_incidents
        found = open_service(self._url)
        if found is None:
            raise BadUsage(
                f"{destination.name}.url: Apprise does not accept this URL of scheme {destination.scheme}: "
                "a part may be missing"
            )
        _refuse_port(destination.name, getattr(found, "port", None))
        self._host = _host_of(found)
        self._room = found.body_maxlen * 4 // 5  # some services escape a character as several
        # A thread of its own, so that waiting here does not take a thread that others need.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"apprise-{destination.name}")

    async def tell(self, message: Message) -> Answer:
        kind = _TYPES[urgency_of(message)]
        incident = incident_of(message.items[0]) if self._of_incidents else ""
        title = title_of(message)
        text = text_of(message, self._api_url, room=self._room - len(title))
        return await self._tell(Notice(self._url, title, text, kind, incident))

    async def test(self, title: str, text: str) -> Answer:
        return await self._tell(Notice(self._url, title, text, apprise.NotifyType.INFO, ""))

    async def _tell(self, notice: Notice) -> Answer:
        try:
            if self._host:
                await refuse_private(self._host, private=self._private)
            return Answer(await self._in_a_process(notice))
        except TimeoutError:
            return Answer(f"no answer within {SECONDS} s")
        except Unreachable as error:
            return Answer(str(error))
        except OSError:
            return Answer("the message could not be sent (no process could be started for it)")
        except Fatal:
            return Answer("the message could not be sent (the sending process ended)")

    async def _in_a_process(self, notice: Notice) -> str:
        loop = asyncio.get_running_loop()
        child = await loop.run_in_executor(self._thread, Child, serve, notice, f"apprise-{self._name}")
        try:
            await loop.run_in_executor(self._thread, child.receive)  # wait until it runs: slow on a busy machine
            async with asyncio.timeout(SECONDS):
                return str(await loop.run_in_executor(self._thread, _answer_of, child))
        finally:
            child.kill()  # this also ends the thread's wait


def _answer_of(child: Child) -> Any:
    with closing(child):
        return child.receive()


def _host_of(service: Any) -> str:
    """Return the host that the service's URL names; services with one fixed internet host have none."""
    if "host" not in service.template_tokens:
        return ""
    named = getattr(service, "smtp_host", None) or service.host
    return named.strip("[]") if named else ""


def _refuse_port(name: str, port: int | None) -> None:
    if port is not None and not 0 < port < 65536:
        raise BadUsage(f"{name}.url: its port must be from 1 to 65535")


def _why(error: Exception) -> str:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return "its certificate is not trusted"
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, httpx.ConnectError):
        return "it cannot be connected to"
    if isinstance(error, httpx.TimeoutException):
        return f"no answer within {ANSWER_SECONDS:.0f} s"
    return "the connection broke"

"""Telling a destination: a signed webhook, or whatever Apprise speaks. The only code that sees URLs and secrets.

What goes wrong is told in a sentence of ours: what libraries say may hold the address.
"""

from __future__ import annotations

import asyncio
import hmac
import ssl
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any, Final, Protocol

import apprise
import httpx

from schemas.alerts import Severity
from schemas.errors import BadUsage
from streams.alerts.delivery.address import Unreachable, checked_address, refuse_private
from streams.alerts.delivery.destinations import Destination
from streams.alerts.delivery.plan import Message
from streams.alerts.delivery.words import body_of, message_id, text_of, title_of, urgency_of

ANSWER_SECONDS: Final = 10.0
"""How long a webhook may take."""
APPRISE_SECONDS: Final = 30.0
MOST_PARTS: Final = 10
"""Of what is longer than a service takes, about; if it made more, as of short messages, it is told how it begins."""

_TYPES: Final = {
    Severity.CRITICAL: apprise.NotifyType.FAILURE,
    Severity.HIGH: apprise.NotifyType.FAILURE,
    Severity.MEDIUM: apprise.NotifyType.WARNING,
    Severity.LOW: apprise.NotifyType.INFO,
    None: apprise.NotifyType.SUCCESS,
}
"""What services of Apprise colour messages by, and some choose their own severity by."""


class Channel(Protocol):
    """Tells one destination."""

    async def tell(self, message: Message) -> str:
        """Send it; empty when it was taken, else why not, in a sentence that may be shown to everybody."""

    async def test(self, title: str, text: str) -> str:
        """Send a message about nothing; as `tell`."""


def open_channel(
    destination: Destination, *, private: bool, clock: Callable[[], datetime], api_url: str = ""
) -> Channel:
    """The channel of a destination; `private`: addresses that are not of the internet are allowed. `api_url`: where the
    alerts are that it links to; empty for no links.

    Raises `BadUsage` when its URL cannot be used.
    """
    if destination.is_webhook:
        return _Webhook(destination, private, clock, api_url)
    return _Apprise(destination, private, api_url)


def signed(key: bytes, message: str, at: datetime, body: bytes) -> dict[str, str]:
    """The headers of Standard Webhooks."""
    stamp = str(int(at.timestamp()))
    digest = hmac.digest(key, f"{message}.{stamp}.".encode() + body, "sha256")
    return {
        "webhook-id": message,
        "webhook-timestamp": stamp,
        "webhook-signature": f"v1,{b64encode(digest).decode()}",
        "content-type": "application/json",
    }


class _Webhook:
    def __init__(self, destination: Destination, private: bool, clock: Callable[[], datetime], api_url: str) -> None:
        self._api_url = api_url
        self._name, self._key, self._private, self._clock = destination.name, destination.key(), private, clock
        try:
            self._url = httpx.URL(destination.url.get_secret_value().partition("+")[2])
            named = self._url.host
        except (httpx.InvalidURL, UnicodeError):  # the latter for a host that no name can be
            named = ""
        if not named:
            raise BadUsage(f"{destination.name}.url: is no webhook's: write webhook+https://host/path")
        _refuse_port(destination.name, self._url.port)
        self._tls = httpx.create_ssl_context(trust_env=False)

    async def tell(self, message: Message) -> str:
        (item,) = message.items
        now = self._clock()
        return await self._post(message_id(self._name, item), now, body_of(self._name, item, now, self._api_url))

    async def test(self, title: str, text: str) -> str:
        now = self._clock()
        told = {"type": "test", "timestamp": now.isoformat(), "data": {"destination": self._name, "text": text}}
        return await self._post(f"msg_test_{now.timestamp():.6f}", now, httpx.Request("POST", "/", json=told).content)

    async def _post(self, message: str, now: datetime, body: bytes) -> str:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await self._send(signed(self._key, message, now, body), body)
        except TimeoutError:
            return f"no answer within {ANSWER_SECONDS:.0f} s"
        except Unreachable as error:
            return str(error)
        except (httpx.HTTPError, OSError) as error:
            return _why(error)

    async def _send(self, headers: dict[str, str], body: bytes) -> str:
        """To the address that was checked and no other: a name may be another's by the next look."""
        url = self._url
        port = url.port or (443 if url.scheme == "https" else 80)
        address = await checked_address(url.host, port, private=self._private)
        # Neither proxies nor the passwords of .netrc: what is sent goes where the file says.
        async with (
            httpx.AsyncClient(
                trust_env=False, follow_redirects=False, verify=self._tls, timeout=ANSWER_SECONDS
            ) as client,
            client.stream(
                "POST",
                url.copy_with(host=address),
                content=body,
                headers={**headers, "host": url.netloc.decode("ascii"), "user-agent": "idtrail"},
                extensions={"sni_hostname": url.host},
            ) as answer,
        ):
            if answer.is_success:
                return ""
            if answer.has_redirect_location:
                return f"it answers {answer.status_code} with another address: redirects are not followed"
            return f"it answers {answer.status_code}"


class _Apprise:
    def __init__(self, destination: Destination, private: bool, api_url: str) -> None:
        self._private, self._api_url = private, api_url
        asset = apprise.AppriseAsset(
            app_id="idtrail",
            app_desc="idtrail",
            async_mode=False,
            http_redirects=False,
            storage_mode=apprise.PersistentStoreMode.MEMORY,
        )
        url = destination.url.get_secret_value()
        found: Any = apprise.Apprise.instantiate(url, asset=asset, suppress_exceptions=True)
        if not isinstance(found, apprise.NotifyBase):
            raise BadUsage(
                f"{destination.name}.url: Apprise knows no such URL of scheme {destination.scheme}: it may lack a part"
            )
        _refuse_port(destination.name, getattr(found, "port", None))
        # Services with this are told of incidents, which they know by their first line.
        self._of_incidents = "action" in found.template_args
        # Whatever the URL says.
        found.redirects = False
        found.socket_connect_timeout = found.socket_read_timeout = ANSWER_SECONDS
        # Threads of its own: one that hangs takes none that others wait for.
        self._threads = ThreadPoolExecutor(2, thread_name_prefix=f"apprise-{destination.name}")
        self._service: Any = found

    async def tell(self, message: Message) -> str:
        kind = _TYPES[urgency_of(message)]
        if self._of_incidents and kind is apprise.NotifyType.SUCCESS and len(message.items) > 1:
            kind = apprise.NotifyType.INFO  # it would end whatever incident has the same number of alerts
        title = title_of(message, lasting=self._of_incidents)
        return await self._tell(title, text_of(message, self._api_url), kind)

    async def test(self, title: str, text: str) -> str:
        return await self._tell(title, text, apprise.NotifyType.INFO)

    async def _tell(self, title: str, text: str, kind: apprise.NotifyType) -> str:
        parts = 1 + (len(title) + len(text)) * 5 // (4 * max(1, self._service.body_maxlen))
        how, pauses = apprise.OverflowMode.SPLIT, (parts - 1) * self._service.request_rate_per_sec
        if self._of_incidents or parts > MOST_PARTS:
            how, pauses = apprise.OverflowMode.TRUNCATE, 0.0
        try:
            async with asyncio.timeout(APPRISE_SECONDS + pauses):
                for host in self._hosts():
                    await refuse_private(host, private=self._private)
                loop = asyncio.get_running_loop()
                return await loop.run_in_executor(self._threads, self._notify, title, text, kind, how)
        except TimeoutError:
            return f"no answer within {APPRISE_SECONDS:.0f} s"
        except Unreachable as error:
            return str(error)

    def _hosts(self) -> list[str]:
        """The hosts that its URL names; services that are at one place of the internet have none."""
        if "host" not in self._service.template_tokens:
            return []
        named = getattr(self._service, "smtp_host", None) or self._service.host
        return [named.strip("[]")] if named else []

    def _notify(self, title: str, text: str, kind: apprise.NotifyType, how: apprise.OverflowMode) -> str:
        try:
            taken = self._service.notify(
                body=text, title=title, notify_type=kind, body_format=apprise.NotifyFormat.TEXT, overflow=how
            )
        except Exception as error:  # because each of its services raises what its libraries do
            return f"it could not be told ({type(error).__name__})"
        return "" if taken else "it did not take the message"


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

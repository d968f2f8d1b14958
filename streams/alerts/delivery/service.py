"""Services of Apprise, each message sent in a process of its own.

The libraries read a service's answer for as long as data comes, all of it into memory; only the end of their process
stops them.
"""

from __future__ import annotations

import logging
import resource
import signal
from multiprocessing.connection import Connection
from typing import Any, Final, NamedTuple

import apprise

SECONDS: Final = 30
"""Time limit for sending: then the process is killed, or ends by itself a little later if its parent is gone."""
SOCKET_SECONDS: Final = 10.0
MEMORY: Final = 512 * 2**20
"""Memory limit of such a process, in bytes."""

_KEYS: Final = ("dedup", "external_id", "thirdparty", "entity_id")
"""What incident services call the key of an incident: each service has one of these."""


class Notice(NamedTuple):
    """A message to a service."""

    url: str
    title: str
    text: str
    kind: apprise.NotifyType
    incident: str
    """The key of the incident that it is about; empty for none."""


def open_service(url: str) -> Any:
    """Return the service of a URL; None if Apprise knows none."""
    asset = apprise.AppriseAsset(
        app_id="idtrail",
        app_desc="idtrail",
        async_mode=False,
        http_redirects=False,
        storage_mode=apprise.PersistentStoreMode.MEMORY,
    )
    found: Any = apprise.Apprise.instantiate(url, asset=asset, suppress_exceptions=True)
    if not isinstance(found, apprise.NotifyBase):
        return None
    service: Any = found
    # Override whatever the URL says.
    service.redirects = False
    service.socket_connect_timeout = service.socket_read_timeout = SOCKET_SECONDS
    if "alias" in service.template_args:
        # Opsgenie and Jira: Apprise finds an alert again only in the process that opened it. Otherwise it sends neither
        # ends nor anything of low severity, and reports both as sent.
        service.action = "new"
    return service


def serve(pipe: Connection, notice: Notice) -> None:
    """Send the notice. Puts on the pipe that it begins, then the result: empty, or a sentence of ours saying why it
    failed."""
    signal.alarm(SECONDS + 5)
    pipe.send("")
    logging.disable()  # library logs may hold the address
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY if most == resource.RLIM_INFINITY else min(MEMORY, most), most))
    pipe.send(tell(notice))


def tell(notice: Notice) -> str:
    """Send the notice in this process. Returns the problem; empty for none."""
    try:
        service = open_service(notice.url)
        if notice.incident:
            for name in _KEYS:
                if hasattr(service, name):
                    setattr(service, name, notice.incident)
        taken = service.notify(
            body=notice.text,
            title=notice.title,
            notify_type=notice.kind,
            body_format=apprise.NotifyFormat.TEXT,
            overflow=apprise.OverflowMode.TRUNCATE,
        )
    except Exception as error:  # each service raises whatever its libraries raise
        return f"the message could not be sent ({type(error).__name__})"
    return "" if taken else "it did not take the message"

"""A service of Apprise, and how it is told in a process of its own.

Its libraries read what a service answers for as long as anything comes, and all of it into memory; nothing but the end
of their process stops them.
"""

from __future__ import annotations

import logging
import resource
import signal
from multiprocessing.connection import Connection
from typing import Any, Final, NamedTuple

import apprise

SECONDS: Final = 30
"""How long telling may take: then the process is ended, or a little later by itself if nobody is there to end it."""
SOCKET_SECONDS: Final = 10.0
MEMORY: Final = 512 * 2**20
"""Of such a process, in bytes."""

_KEYS: Final = ("dedup", "external_id", "thirdparty", "entity_id")
"""What the services of incidents call the key that an incident is found again by: each has one of these."""


class Notice(NamedTuple):
    """What a service is told."""

    url: str
    title: str
    text: str
    kind: apprise.NotifyType
    incident: str
    """The key of the incident that it is about; empty for none."""


def open_service(url: str) -> Any:
    """The service of a URL; None if Apprise knows none."""
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
    # Whatever the URL says.
    service.redirects = False
    service.socket_connect_timeout = service.socket_read_timeout = SOCKET_SECONDS
    if "alias" in service.template_args:
        # Opsgenie and Jira: Apprise finds an alert again only if it is the same process that opened it. Else it tells
        # nobody of an end, nor of anything low, and takes both for told.
        service.action = "new"
    return service


def serve(pipe: Connection, notice: Notice) -> None:
    """Tell it, and put on the pipe that it begins, and what came of it: empty, or why it was not told in a sentence of
    ours."""
    signal.alarm(SECONDS + 5)
    pipe.send("")
    logging.disable()  # what libraries log may hold the address
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY if most == resource.RLIM_INFINITY else min(MEMORY, most), most))
    pipe.send(tell(notice))


def tell(notice: Notice) -> str:
    """In this process."""
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
    except Exception as error:  # because each of its services raises what its libraries do
        return f"it could not be told ({type(error).__name__})"
    return "" if taken else "it did not take the message"

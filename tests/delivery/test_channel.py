"""What goes out: signed, to the checked address only, and what is said when it does not arrive."""

from __future__ import annotations

import asyncio
import multiprocessing
import re
import socket
import ssl
from base64 import b64decode, b64encode
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import apprise.manager_plugins
import httpx
import orjson
import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from idtrail.emitting import now
from schemas.alerts import Severity
from schemas.errors import BadUsage
from schemas.kafka import KafkaConnection
from streams.alerts.delivery import address, service
from streams.alerts.delivery.address import NOWHERE, PRIVATE, of_the_internet
from streams.alerts.delivery.channel import Answer, Channel, open_channel, rest_until, signed
from streams.alerts.delivery.courier import Courier
from streams.alerts.delivery.destinations import INCIDENTS
from streams.alerts.delivery.plan import Message
from streams.alerts.delivery.service import Notice
from streams.alerts.delivery.words import message_id, text_of, title_of
from tests.alerts.records import minute
from tests.delivery.log import HOOK, PEOPLE, SECRET, Partition, destinations
from tests.delivery.receiver import receiving
from tests.fixtures_kafka import until


def message(to: str = HOOK, count: int = 1, **fields: Any) -> Message:
    log = Partition(destinations(one=to))
    for number in range(count):
        log.found(0, number, **fields)
    return log.plan(1).messages[0]


def hook(port: int, host: str = "127.0.0.1") -> str:
    return f'url = "webhook+http://{host}:{port}/T0K3N?a=b"\nsecret = "{SECRET}"\n'


def channel(table: str, *, private: bool = True) -> Channel:
    return open_channel(destinations(one=table)["one"], private=private, clock=now)


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Services of Apprise are told in this process, where each costs less."""

    async def told(self: Any, notice: Notice) -> str:
        return await asyncio.to_thread(service.tell, notice)

    monkeypatch.setattr("streams.alerts.delivery.channel._Apprise._in_a_process", told)


@pytest.fixture
def posted(here: None, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the services of Apprise post, which all take it."""
    bodies: list[Any] = []

    def post(url: str, data: str, **how: Any) -> requests.Response:
        bodies.append(orjson.loads(data))
        taken = requests.Response()
        taken.status_code = 202 if "pagerduty" in url else 200
        taken._content = b'{"requestId": "1"}'
        return taken

    monkeypatch.setattr(requests, "post", post)
    return bodies


def test_the_signature_is_that_of_the_published_example() -> None:
    """Of the specification of Standard Webhooks."""
    headers = signed(
        b64decode("plJ3nmyCDGBKInavdOK15jsl"),
        "msg_loFOjxBNrRLzqYUf",
        datetime.fromtimestamp(1731705121, UTC),
        b'{"event_type":"ping","data":{"success":true}}',
    )
    assert headers["webhook-signature"] == "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0="


async def test_a_webhook_is_told_one_occasion_signed() -> None:
    async with receiving() as receiver:
        assert (await channel(hook(receiver.port)).tell(message())).problem == ""
    ((first, headers, body),) = receiver.requests
    assert first == "POST /T0K3N?a=b HTTP/1.1"
    assert headers["host"] == f"127.0.0.1:{receiver.port}"
    assert headers["webhook-id"] == message_id("one", message().items[0])
    at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
    key = b64decode(SECRET.removeprefix("whsec_"))
    assert signed(key, headers["webhook-id"], at, body)["webhook-signature"] == headers["webhook-signature"]
    told = receiver.body(0)
    assert told["type"] == "alert.opened"
    assert told["data"]["title"] == "statsig refuses its credentials"
    assert not {"staging", "destinations", "record"} & told["data"].keys()


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        pytest.param("200 OK", "", id="taken"),
        pytest.param("500 Oops", "it answers 500", id="failed"),
        pytest.param("404 T0K3N", "it answers 404", id="unknown"),
        pytest.param(
            "302 Found\r\nLocation: http://169.254.169.254/",
            "it answers 302 with another address: redirects are not followed",
            id="a redirect",
        ),
        *(
            pytest.param(
                f"307 Moved\r\nLocation: {elsewhere}",
                "it answers 307 with another address: redirects are not followed",
                id=f"a redirect to {elsewhere}",
            )
            for elsewhere in ("siem.example:8443/login", "http://xn--/", "http://xn--a/", "http://[", "")
        ),
        pytest.param("nonsense", "the connection broke", id="no HTTP"),
    ],
)
async def test_what_a_webhook_answers(answer: str, said: str) -> None:
    async with receiving(answer=answer) as receiver:
        assert (await channel(hook(receiver.port)).tell(message())).problem == said
        assert len(receiver.requests) == 1


NOON = datetime(2026, 3, 19, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("retry_after", "until"),
    [
        pytest.param("600", NOON + timedelta(minutes=10), id="seconds"),
        pytest.param("Thu, 19 Mar 2026 12:10:00 GMT", NOON + timedelta(minutes=10), id="a time"),
        pytest.param("9" * 12, NOON + timedelta(hours=1), id="for ever is an hour"),
        pytest.param("Thu, 19 Mar 2099 12:00:00 GMT", NOON + timedelta(hours=1), id="in years is an hour"),
        pytest.param("9" * 5_000, None, id="no number"),
        pytest.param("Thu, 19 Mar 2026 14:10:00 +0200", NOON + timedelta(minutes=10), id="a time of elsewhere"),
        pytest.param("Thu, 19 Mar 2026 12:10:00 -0000", NOON + timedelta(minutes=10), id="a time of no zone"),
        pytest.param("0", None, id="now"),
        pytest.param("Thu, 19 Mar 2026 11:59:59 GMT", None, id="over"),
        pytest.param("", None, id="no word of it"),
        pytest.param("-5", None, id="before"),
        pytest.param("soon", None, id="no time"),
        pytest.param("\u00b2", None, id="no digit"),
    ],
)
async def test_who_asks_for_rest_is_granted_an_hour_at_most(retry_after: str, until: datetime | None) -> None:
    assert rest_until(retry_after, NOON) == until


async def test_an_error_that_nobody_foresaw_is_a_failed_try_of_its_destination_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Broken:
        async def tell(self, message: Message) -> Answer:
            raise RuntimeError("T0K3N")

        test: Any = None

    published: list[Any] = []

    async def publish(records: Sequence[Any]) -> None:
        published.extend(records)

    courier = Courier(KafkaConnection(bootstrap="nowhere:9092"), destinations(one=HOOK), {"one": Broken()})
    monkeypatch.setattr(courier, "_publish", publish)
    assert not await courier._tell("one", message())
    assert [(one.succeeded, one.detail) for one in published] == [
        (False, "the message could not be sent (RuntimeError)")
    ]


async def test_a_message_that_no_process_can_be_started_for_is_a_failed_try(monkeypatch: pytest.MonkeyPatch) -> None:
    def started(*how: Any) -> None:
        raise OSError("Too many open files")

    monkeypatch.setattr("streams.alerts.delivery.channel.Child", started)
    told = await channel('url = "json://127.0.0.1/"').tell(message(PEOPLE))
    assert told.problem == "the message could not be sent (no process could be started for it)"


async def test_a_webhook_with_a_password_gets_it() -> None:
    async with receiving() as receiver:
        assert (await channel(hook(receiver.port, "ada:T0K3N@127.0.0.1")).tell(message())).problem == ""
    ((_, headers, _),) = receiver.requests
    assert headers["authorization"] == f"Basic {b64encode(b'ada:T0K3N').decode()}"
    assert headers["host"] == f"127.0.0.1:{receiver.port}"


async def test_a_webhook_asks_for_rest() -> None:
    async with receiving(answer="429 T0K3N\r\nRetry-After: 600") as receiver:
        one = open_channel(destinations(one=hook(receiver.port))["one"], private=True, clock=lambda: NOON)
        told = await one.tell(message())
    assert told == ("it answers 429 and asks for rest until 12:10:00 UTC", NOON + timedelta(minutes=10))


async def test_a_webhook_that_is_away_or_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    async with receiving() as receiver:
        pass
    assert (await channel(hook(receiver.port)).tell(message())).problem == "it cannot be connected to"
    assert (await channel(hook(receiver.port, "nowhere.invalid")).tell(message())).problem == NOWHERE
    monkeypatch.setattr("streams.alerts.delivery.channel.ANSWER_SECONDS", 0.2)
    writers: list[asyncio.StreamWriter] = []
    silent = await asyncio.start_server(lambda _, writer: writers.append(writer), "127.0.0.1", 0)
    said = await channel(hook(silent.sockets[0].getsockname()[1])).tell(message())
    assert said.problem.startswith("no answer within")
    silent.close()
    for writer in writers:
        writer.close()


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("127.0.0.1", False), ("127.8.8.8", False), ("0.1.2.3", False), ("10.1.2.3", False), ("172.16.0.1", False),
        ("192.168.1.1", False), ("169.254.169.254", False), ("100.64.0.1", False), ("224.0.0.1", False),
        ("255.255.255.255", False), ("::1", False), ("::", False), ("fe80::1", False), ("fe80::1%eth0", False),
        ("fc00::1", False), ("ff02::1", False), ("::ffff:127.0.0.1", False), ("64:ff9b::7f00:1", False),
        ("2002:7f00:1::", False), ("8.8.8.8", True), ("2606:4700::1111", True), ("::ffff:8.8.8.8", True),
    ],
)  # fmt: skip
def test_which_addresses_are_of_the_internet(host: str, allowed: bool) -> None:
    assert of_the_internet(host) is allowed


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "0x7f.1", "2130706433", "127.1"])
async def test_no_private_host_is_connected_to(host: str) -> None:
    async with receiving() as receiver:
        assert (await channel(hook(receiver.port, host), private=False).tell(message())).problem in (PRIVATE, NOWHERE)
        assert receiver.requests == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "[::1]"])
async def test_apprise_is_not_let_to_a_private_host(host: str) -> None:
    async with receiving() as receiver:
        one = channel(f'url = "json://{host}:{receiver.port}/"', private=False)
        assert (await one.tell(message(PEOPLE))).problem == PRIVATE
        assert receiver.requests == []


async def test_a_name_with_one_private_address_is_not_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    async def both(host: str, port: int) -> list[str]:
        return ["8.8.8.8", "10.0.0.1"]

    monkeypatch.setattr(address, "_addresses", both)
    assert (await channel(hook(80, "both.example"), private=False).tell(message())).problem == PRIVATE


async def test_the_connection_goes_to_the_address_that_was_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that leads elsewhere by the second look is looked up once."""
    looks: list[str] = []
    real = socket.getaddrinfo

    def rebinding(host: Any, *more: Any, **how: Any) -> Any:
        if host == "rebound.example":
            looks.append(host)
            return real("127.0.0.1" if len(looks) == 1 else "127.0.0.2", *more, **how)
        return real(host, *more, **how)

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    async with receiving() as receiver:
        assert (await channel(hook(receiver.port, "rebound.example")).tell(message())).problem == ""
    assert looks == ["rebound.example"]
    assert receiver.requests[0][1]["host"] == f"rebound.example:{receiver.port}"


def certificate(folder: Path, name: str) -> tuple[ssl.SSLContext, Path]:
    """Of a receiver, for this name, and the file of who certified it: itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / "certificate.pem"
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(made.public_bytes(Encoding.PEM) + secret)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context, file


@pytest.mark.parametrize(
    ("name", "said"),
    [
        pytest.param("hooks.example", "", id="its own"),
        pytest.param("other.example", "its certificate is not trusted", id="another's"),
    ],
)
async def test_the_certificate_is_that_of_the_name_though_the_address_is_connected_to(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, said: str
) -> None:
    async def here(host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    context, file = certificate(tmp_path, name)
    monkeypatch.setattr(address, "_addresses", here)
    monkeypatch.setattr(httpx, "create_ssl_context", lambda **how: ssl.create_default_context(cafile=file))
    async with receiving(tls=context) as receiver:
        one = channel(hook(receiver.port, "hooks.example").replace("+http:", "+https:"))
        assert (await one.tell(message())).problem == said
        assert len(receiver.requests) == (not said)


async def test_a_webhook_at_an_address_of_version_six() -> None:
    try:
        async with receiving(host="::1") as receiver:
            assert (await channel(hook(receiver.port, "[::1]")).tell(message())).problem == ""
    except OSError:
        pytest.skip("this machine has no ::1")
    assert receiver.requests[0][1]["host"] == f"[::1]:{receiver.port}"


async def test_people_are_told_by_apprise_without_following_redirects() -> None:
    async with receiving() as receiver:
        one = channel(f'url = "json://127.0.0.1:{receiver.port}/T0K3N?redirect=yes"')
        assert (await one.tell(message(PEOPLE, 25))).problem == ""
        told = receiver.body(0)
        assert told["title"] == "25 alerts, the most urgent high"
        assert told["message"].count("idtrail alerts show") == 20
        assert "and 5 more" in told["message"]
        receiver.answer = f"307 Moved\r\nLocation: http://127.0.0.1:{receiver.port}/elsewhere"
        assert (await one.tell(message(PEOPLE))).problem == "it did not take the message"
        assert len(receiver.requests) == 2


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("alerts", "kind"),
    [
        pytest.param([("critical", "opened")], "failure", id="critical"),
        pytest.param([("high", "reopened")], "failure", id="high, again"),
        pytest.param([("medium", "opened")], "warning", id="medium"),
        pytest.param([("low", "opened")], "info", id="low"),
        pytest.param([("critical", "ended")], "success", id="over"),
        pytest.param(
            [("critical", "ended"), ("medium", "opened"), ("low", "opened")], "warning", id="what goes on counts"
        ),
        pytest.param([("critical", "ended"), ("low", "ended")], "success", id="all over"),
    ],
)
async def test_services_of_apprise_are_told_how_urgent_it_is(alerts: list[tuple[str, str]], kind: str) -> None:
    (item,) = message(PEOPLE).items
    items = tuple(
        item._replace(
            alert=item.alert.model_copy(update={"severity": Severity(severity)}),
            occasion=item.occasion._replace(name=f"{occasion} 1"),
        )
        for severity, occasion in alerts
    )
    async with receiving() as receiver:
        told = message(PEOPLE)._replace(items=items)
        assert (await channel(f'url = "json://127.0.0.1:{receiver.port}"').tell(told)).problem == ""
        assert receiver.body(0)["type"] == kind


@pytest.mark.parametrize(
    ("url", "room", "shown"),
    [
        pytest.param("discord://123456789012345678/" + "a" * 36, range(1_300, 2_001), range(4, 12), id="of a chat"),
        pytest.param("msg91://" + "a" * 23 + "@" + "b" * 20 + "/15551232000", range(160, 161), [0, 1], id="an SMS"),
    ],
)
async def test_what_is_longer_than_a_service_takes_is_one_message(
    posted: list[Any], url: str, room: Sequence[int], shown: Sequence[int]
) -> None:
    told = message(PEOPLE, 20, remedy="Re-authorise it. " * 4)
    assert (await channel(f'url = "{url}"').tell(told)).problem == ""
    (text,) = [re.findall(r'"(?:content|body)":"([^"]*)"', orjson.dumps(body).decode())[0] for body in posted]
    text = orjson.loads(f'"{text}"')
    assert text.startswith("20 alerts, the most urgent high")
    assert len(text) in room
    assert (in_full := text.count("idtrail alerts show")) in shown
    assert not in_full or f"... and {20 - in_full} more: idtrail alerts list" in text


PAGER = f'url = "pagerduty://{"A" * 20}@{"b" * 20}?dedup=mine&action=map"'


async def test_each_alert_is_an_incident_which_its_end_and_no_other_s_ends(posted: list[Any]) -> None:
    log, pager = Partition(destinations(one=PAGER)), channel(PAGER)

    async def tell(at: float) -> list[tuple[str, str]]:
        before = len(posted)
        for told in log.plan(at).messages:
            log.tried(told, at)
            assert (await pager.tell(told)).problem == ""
        return [(body["event_action"], body["dedup_key"]) for body in posted[before:]]

    log.found(0, 1)
    log.found(0, 2)
    log.found(0, 3, organization="another")
    opened = await tell(1)
    keys = [key for _, key in opened]
    assert opened == [("trigger", key) for key in keys]
    assert len(set(keys)) == 3
    log.ended(5, 2)
    assert await tell(6) == [("resolve", keys[1])]
    log.found(9, 2, episodes=2)
    ((action, again),) = await tell(10)
    assert action == "trigger"
    assert again not in keys
    log.ended(15, 2, episodes=2, severity="low", title="renamed")
    assert await tell(16) == [("resolve", again)]


@pytest.mark.parametrize("scheme", [pytest.param("opsgenie", id="Opsgenie"), pytest.param("jira", id="Jira")])
async def test_who_finds_no_alert_again_is_told_of_all_there_is(posted: list[Any], scheme: str) -> None:
    to = f'url = "{scheme}://{"a" * 8}-{"b" * 4}-{"c" * 4}-{"d" * 4}-{"e" * 12}/#team"'
    log, one = Partition(destinations(one=to)), channel(to)
    log.found(0, severity="low")
    log.ended(1, severity="low")
    for at in (2, 3):
        (told,) = log.plan(at).messages
        log.tried(told, at)
        assert (await one.tell(told)).problem == ""
    assert [body["message"].split(" statsig")[0] for body in posted] == ["LOW", "LOW over:"]


def test_the_services_of_incidents_are_those_of_apprise_and_each_has_a_key() -> None:
    found = set()
    for plugin in {*apprise.manager_plugins.NotificationManager().plugins()}:  # type: ignore[no-untyped-call]
        names = {*plugin.template_args}
        if "action" in names and names & {*service._KEYS, "alias"}:
            for scheme in (plugin.protocol, plugin.secure_protocol):
                found |= {scheme} if isinstance(scheme, str) else {*(scheme or ())}
    assert found == INCIDENTS


async def test_what_answers_without_an_end_is_given_up_and_told_again_once_it_is_well(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    well = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while not well.is_set() and not writer.is_closing():
            writer.write(b"x")
            await asyncio.sleep(0.05)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    one = channel(f'url = "json://127.0.0.1:{server.sockets[0].getsockname()[1]}"')
    well.set()
    assert (await one.tell(message(PEOPLE))).problem == ""
    well.clear()
    monkeypatch.setattr("streams.alerts.delivery.channel.SECONDS", 2)
    assert (await one.tell(message(PEOPLE))).problem == "no answer within 2 s"
    await until(lambda: not [child for child in multiprocessing.active_children() if child.name == "apprise-one"])
    well.set()
    monkeypatch.undo()
    assert (await one.tell(message(PEOPLE))).problem == ""
    server.close()


@pytest.mark.usefixtures("here")
async def test_a_test_message_is_no_trouble() -> None:
    async with receiving() as receiver:
        assert (await channel(f'url = "json://127.0.0.1:{receiver.port}"').test("a", "b")).problem == ""
        assert receiver.body(0)["type"] == "info"


def test_a_url_that_apprise_does_not_know_is_refused_without_showing_it() -> None:
    with pytest.raises(
        BadUsage, match=r"^one\.url: Apprise does not accept this URL of scheme slack: a part may"
    ) as told:
        channel('url = "slack://T0K3N"')
    assert "T0K3N" not in str(told.value)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        pytest.param("webhook+https://:80/T0K3N", "one.url: is not the address of a webhook: write", id="no host"),
        pytest.param(
            "webhook+https://xn--a.example/T0K3N", "one.url: is not the address of a webhook: write", id="no name"
        ),
        pytest.param("webhook+https://h.example:84430/T0K3N", "one.url: its port must be from 1 to", id="a port"),
        pytest.param("webhook+http://h.example:0/T0K3N", "one.url: its port must be from 1 to", id="port 0"),
        pytest.param("json://h.example:84430/T0K3N", "one.url: its port must be from 1 to", id="a port of Apprise"),
    ],
)
def test_a_url_that_nothing_can_be_sent_to_is_refused_without_showing_it(url: str, said: str) -> None:
    secret = f'secret = "{SECRET}"' if url.startswith("webhook") else ""
    with pytest.raises(BadUsage) as told:
        channel(f'url = "{url}"\n{secret}')
    assert str(told.value).startswith(said)
    assert "T0K3N" not in str(told.value)


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        pytest.param("[Reset](https://evil.example)", "[Reset] (https: //evil.example)", id="a link of Markdown"),
        pytest.param("[Reset][1]", "[Reset] [1]", id="one to a reference"),
        pytest.param("[Reset|https://evil.example]", "[Reset|https: //evil.example]", id="of a wiki"),
        pytest.param("<https://evil.example|Reset>", "(https: //evil.example|Reset)", id="of Slack"),
        pytest.param("[Reset]\u200b(//evil.example)", "[Reset] (//evil.example)", id="joined by nothing"),
        pytest.param("@**all** @room *@ada", "@ **all** @ room *@ ada", id="calls"),
        pytest.param("<@&17> <@17> _@Everyone x@here", "(@ &17) (@ 17) _@ Everyone x@ here", id="calls of Discord"),
        pytest.param("ada@corp.example: 'a' (b) [c] 12:30", "ada@corp.example: 'a' (b) [c] 12:30", id="none of them"),
    ],
)
def test_what_others_wrote_leads_and_calls_nobody(written: str, shown: str) -> None:
    one = message(PEOPLE, title=written, organization=written, remedy="See https://wiki.example/runbook")
    assert title_of(one) == f"HIGH {shown}"
    text = text_of(one)
    assert text.startswith(f"HIGH {shown}\n")
    assert text.endswith(f"organization {shown}")
    assert "See https://wiki.example/runbook" in text  # which the rule's author wrote


def test_what_others_wrote_calls_nobody_and_hides_nothing() -> None:
    one = message(PEOPLE, title="<!channel> @here\x1b[2K\u202eevil " + "x" * 500, remedy="<http://evil|click>")
    assert title_of(one).startswith("HIGH (!channel) @ here [2K evil xxx")
    assert len(title_of(one)) < 320
    assert "<" not in text_of(one)
    assert "\x1b" not in text_of(one)


def test_the_last_message_of_an_hour_says_so() -> None:
    assert "13:05 UTC is told then" in text_of(message(PEOPLE)._replace(full_until=minute(65)))


def test_a_text_of_people_that_are_not_counted_further_says_so() -> None:
    assert "people or groups: 999 " in text_of(message(PEOPLE, people=999))
    assert "people or groups: at least 1,000 " in text_of(message(PEOPLE, people=1000))


def test_a_text_for_people() -> None:
    assert text_of(message(PEOPLE)) == (
        "HIGH statsig refuses its credentials\n"
        "since 2026-03-19 12:00 UTC · 5 events · people or groups: 2 · cause credentials\n"
        "Nothing reaches the application.\n"
        "Re-authorise it.\n"
        "idtrail alerts show 00000000\n\n"
        "organization 641b3db57090821c0b2f8183"
    )


LINK = f"https://trail.example/api/v1/alerts/{message().items[0].alert.alert_id}"


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("api_url", "link"),
    [
        pytest.param("https://trail.example/", LINK, id="of the API"),
        pytest.param("https://trail.example", LINK, id="without a slash"),
        pytest.param("", None, id="nobody said where it is"),
    ],
)
async def test_what_is_told_links_to_the_alert(api_url: str, link: str | None) -> None:
    async with receiving() as receiver:
        for table, whom in ((hook(receiver.port), HOOK), (f'url = "json://127.0.0.1:{receiver.port}"', PEOPLE)):
            one = destinations(one=table)["one"]
            assert (await open_channel(one, private=True, clock=now, api_url=api_url).tell(message(whom))).problem == ""
        assert receiver.body(0)["data"]["link"] == link
        assert receiver.body(1)["message"].splitlines()[-3] == (link or "idtrail alerts show 00000000")


def test_a_text_about_something_of_which_no_event_tells() -> None:
    facts = text_of(message(PEOPLE, events=0, first_event=None, last_event=None, people=0, cause="")).splitlines()[1]
    assert facts == "since 2026-03-19 12:00 UTC"


def test_a_key_of_the_example_is_what_b64_says() -> None:
    key = destinations(one=HOOK)["one"].key()
    assert b64encode(key).decode() == SECRET.removeprefix("whsec_")

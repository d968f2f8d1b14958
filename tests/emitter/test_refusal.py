"""A broker that refuses us: told from one that is away, everywhere, with the settings that mend it."""

from __future__ import annotations

import re
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    KafkaConnectionError,
    SaslAuthenticationFailed,
    TopicAuthorizationFailedError,
    UnsupportedSaslMechanismError,
)

from broker.refusal import failure, refusal
from idtrail.stack.topics import create_topics, examine_topics
from producers.emitter import Emitter
from producers.spool import Spool
from queries.store import Store
from schemas.errors import BadUsage, BrokerAway, BrokerRefuses
from schemas.kafka import EVENTS, FOR_EVER, KafkaConnection, TopicSpec
from streams.alerts.index import Rules
from streams.blocks import Block
from streams.follower import Follower
from streams.lag import read_lag
from streams.log_reader import read_record
from streams.sink import Sink, SinkOptions
from streams.worker import Worker
from tests.emitter.broker import OwnBroker
from tests.emitter.conftest import Topics
from tests.emitter.support import SOURCE, clock, raw_events

USER_AND_PASSWORD = "IDTRAIL_KAFKA_SASL_USERNAME and IDTRAIL_KAFKA_SASL_PASSWORD"
SECURED = KafkaConnection("kafka:9093", "SASL_SSL", "PLAIN", "idtrail", "hush")


class NoStore:
    """Is never reached."""

    async def write(self, blocks: Sequence[Block], token: str) -> None:
        raise AssertionError("a refused sink has nothing to write")


async def _emit(connection: KafkaConnection, directory: Path) -> None:
    async with Emitter(connection, Spool(directory / "spool.sqlite3", 1 << 20), clock):
        raise AssertionError("an emitter that is refused does not start")


async def _sink(connection: KafkaConnection, directory: Path) -> None:
    await Sink(connection, NoStore(), SinkOptions()).run()


async def _work(connection: KafkaConnection, directory: Path) -> None:
    store: Store = None  # type: ignore[assignment]  # because it is not reached
    worker = Worker(connection, store, SinkOptions(), retry_seconds=1, state_dir=directory, rules=Rules(()))
    await worker.run()


async def _make_topics(connection: KafkaConnection, directory: Path) -> None:
    # Without an end of its patience: it would retry for ever.
    await create_topics(connection, 1, 1, [TopicSpec("never-made", FOR_EVER)])


async def _follow(connection: KafkaConnection, directory: Path) -> None:
    follower = Follower(connection, [EVENTS])
    try:
        await follower.connect()
    finally:
        await follower.stop()


PLACES: dict[str, Callable[[KafkaConnection, Path], Awaitable[object]]] = {
    "making topics": _make_topics,
    "examining topics": lambda connection, _: examine_topics(connection),
    "emitting": _emit,
    "sinking": _sink,
    "working": _work,
    "reading the lag": lambda connection, _: read_lag(connection, "group", [EVENTS]),
    "following the log": _follow,
    "reading a record": lambda connection, _: read_record(connection, EVENTS, 0, 0),
}


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
async def test_a_wrong_password_ends_it_and_names_the_settings(
    broker: OwnBroker, tmp_path: Path, place: Callable[[KafkaConnection, Path], Awaitable[object]]
) -> None:
    with pytest.raises(BrokerRefuses, match=USER_AND_PASSWORD) as told:
        await place(broker.login("wrong"), tmp_path)
    assert "wrong" not in str(told.value)


async def test_a_mechanism_that_the_broker_lacks_names_its_setting(broker: OwnBroker) -> None:
    with pytest.raises(BrokerRefuses, match="IDTRAIL_KAFKA_SASL_MECHANISM"):
        await examine_topics(broker.login(mechanism="SCRAM-SHA-256"))


async def test_the_right_password_is_let_in(topics: Topics, broker: OwnBroker, tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool.sqlite3", 1 << 20)
    async with Emitter(broker.login(), spool, clock, topics.events, topics.dead_letters) as emitter:
        receipt = await emitter.emit(raw_events(1)[0], SOURCE)
    assert receipt.state == "logged"


async def test_a_secured_broker_that_is_away_is_away(tmp_path: Path) -> None:
    nobody = KafkaConnection("127.0.0.1:1", "SASL_PLAINTEXT", "PLAIN", "idtrail", "hush")
    with pytest.raises(BrokerAway, match=re.escape("Kafka at 127.0.0.1:1 does not answer")):
        await examine_topics(nobody)


async def test_one_host_that_refuses_is_told_before_one_that_is_away(broker: OwnBroker) -> None:
    wrong = broker.login("wrong")
    both = replace(wrong, bootstrap=f"127.0.0.1:1,{wrong.bootstrap}")
    assert isinstance(await failure(both, KafkaConnectionError("unable to bootstrap")), BrokerRefuses)


async def test_a_port_that_speaks_no_tls_is_away_with_that_reason(broker: OwnBroker) -> None:
    secured = replace(broker.connection, security_protocol="SSL")
    error = await failure(secured, KafkaConnectionError("unable to bootstrap"))
    assert "unable to bootstrap" not in str(error)


async def test_a_failure_after_a_login_that_still_works_is_no_refusal(broker: OwnBroker) -> None:
    let_in = broker.login()
    error = await failure(let_in, KafkaConnectionError("unable to bootstrap"))
    assert isinstance(error, BrokerAway)


@pytest.mark.parametrize(
    ("error", "setting"),
    [
        pytest.param(SaslAuthenticationFailed(), USER_AND_PASSWORD, id="wrong password"),
        pytest.param(UnsupportedSaslMechanismError(), "IDTRAIL_KAFKA_SASL_MECHANISM", id="no such mechanism"),
        pytest.param(TopicAuthorizationFailedError(), "IDTRAIL_KAFKA_SASL_USERNAME", id="may not write"),
        pytest.param(GroupAuthorizationFailedError(), "IDTRAIL_KAFKA_SASL_USERNAME", id="may not read as this group"),
        pytest.param(ssl.SSLCertVerificationError("self-signed"), "IDTRAIL_KAFKA_CA_FILE", id="unknown authority"),
        pytest.param(ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER]"), "IDTRAIL_KAFKA_SECURITY_PROTOCOL", id="no TLS"),
    ],
)
def test_what_no_waiting_mends_names_the_setting_that_does(error: Exception, setting: str) -> None:
    said = str(refusal(SECURED, error))
    assert setting in said
    assert "hush" not in said


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(KafkaConnectionError("reset"), id="connection lost"),
        pytest.param(ConnectionRefusedError(), id="not listening"),
        pytest.param(ssl.SSLEOFError(8, "EOF occurred"), id="ended in the middle"),
        pytest.param(TimeoutError(), id="silent"),
    ],
)
def test_what_may_pass_is_no_refusal(error: Exception) -> None:
    assert refusal(SECURED, error) is None


def test_a_file_that_holds_no_certificates_is_named(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("not one")
    for name in ("ca.pem", "missing.pem"):
        connection = KafkaConnection("kafka:9093", "SSL", ca_file=str(tmp_path / name))
        with pytest.raises(BadUsage, match=f"IDTRAIL_KAFKA_CA_FILE: .*{name}"):
            connection.options()

"""Distinguishes a broker that is away, which is worth waiting for, from one that refuses us, which waiting cannot fix.

aiokafka reports "unable to bootstrap" for both, so after a failed call on a secured connection the broker is contacted
once more to find out.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import Final

from aiokafka.conn import collect_hosts, create_conn
from aiokafka.errors import (
    AuthenticationFailedError,
    AuthenticationMethodNotSupported,
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    IllegalSaslStateError,
    KafkaError,
    SaslAuthenticationFailed,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
    UnsupportedSaslMechanismError,
)

from schemas.errors import BrokerAway, BrokerRefuses
from schemas.kafka import KafkaConnection

ASK_SECONDS: Final = 5.0

_WHO: Final = (SaslAuthenticationFailed, AuthenticationFailedError)
_HOW: Final = (UnsupportedSaslMechanismError, AuthenticationMethodNotSupported, IllegalSaslStateError)
_WHAT: Final = (
    TopicAuthorizationFailedError,
    GroupAuthorizationFailedError,
    ClusterAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
)
_PASSING: Final = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)
"""TLS errors of a connection that broke, not of one that was refused."""


async def failure(connection: KafkaConnection, error: BaseException) -> BrokerAway | BrokerRefuses:
    """Return the error to raise for a failed Kafka call: `BrokerRefuses` naming the settings when the broker refuses
    us."""
    if connection.security_protocol != "PLAINTEXT" and refusal(connection, error) is None:
        error = await _ask(connection) or error
    refused = refusal(connection, error)
    return refused or BrokerAway(f"Kafka at {connection.bootstrap} does not answer ({reason_of(error)})")


def refusal(connection: KafkaConnection, error: BaseException) -> BrokerRefuses | None:
    """Return the error for a failure that the same attempt will meet again; None for one that may pass."""
    name = type(error).__name__
    if isinstance(error, _WHO):
        return BrokerRefuses(
            f"Kafka at {connection.bootstrap} refuses the user name or the password ({name}): "
            "correct IDTRAIL_KAFKA_SASL_USERNAME and IDTRAIL_KAFKA_SASL_PASSWORD"
        )
    if isinstance(error, _HOW):
        return BrokerRefuses(
            f"Kafka at {connection.bootstrap} does not take this way to log in ({name}): "
            "correct IDTRAIL_KAFKA_SASL_MECHANISM or IDTRAIL_KAFKA_SECURITY_PROTOCOL"
        )
    if isinstance(error, _WHAT):
        return BrokerRefuses(
            f"Kafka at {connection.bootstrap} does not allow this to the user ({reason_of(error)}): grant it to the "
            "user of IDTRAIL_KAFKA_SASL_USERNAME, or name another"
        )
    if isinstance(error, ssl.SSLCertVerificationError):
        return BrokerRefuses(
            f"the certificate of Kafka at {connection.bootstrap} is not trusted ({reason_of(error)}): set "
            "IDTRAIL_KAFKA_CA_FILE to its authority, and IDTRAIL_KAFKA_BOOTSTRAP to a name that it certifies"
        )
    if isinstance(error, ssl.SSLError) and not isinstance(error, _PASSING):
        return BrokerRefuses(
            f"no TLS with Kafka at {connection.bootstrap} ({reason_of(error)}): "
            "correct IDTRAIL_KAFKA_SECURITY_PROTOCOL, or the port in IDTRAIL_KAFKA_BOOTSTRAP"
        )
    return None


def reason_of(error: BaseException) -> str:
    """Describe an error in a few words."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    text = str(error).strip()
    name = type(error).__name__
    if not text:
        return name
    return text if name in text else f"{name}: {text}"


async def _ask(connection: KafkaConnection) -> BaseException | None:
    """Log in at one host after the other. Returns None when one accepts us, else the problem, preferring a refusal."""
    options = connection.options()
    del options["bootstrap_servers"]
    found: BaseException | None = None
    for host, port, _ in collect_hosts(connection.bootstrap, randomize=False):
        try:
            async with asyncio.timeout(ASK_SECONDS):
                asked = await create_conn(host, port, request_timeout_ms=int(ASK_SECONDS * 1000), **options)
        except (KafkaError, OSError) as error:
            if found is None or refusal(connection, error):
                found = error
        else:
            asked.close()
            return None
    return found

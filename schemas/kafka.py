"""What every program on the log agrees on: topics, their retention, how to connect."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import Any, Final

from schemas.errors import BadUsage

EVENTS: Final = "idtrail.events"
PROVISIONING: Final = "idtrail.provisioning"
INCIDENTS: Final = "idtrail.incidents"
ALERTS: Final = "idtrail.alerts"
DEAD_LETTERS: Final = "idtrail.dead-letters"
LETTER_DECISIONS: Final = "idtrail.letter-decisions"

STORED: Final = (EVENTS, DEAD_LETTERS, LETTER_DECISIONS, ALERTS)
"""The topics that the sink stores."""

COMPRESSION: Final = "zstd"
"""How producers compress batches. aiokafka compresses lz4 at its slowest level: of an event that took four times as
long (17 µs more), for nearly twice the bytes."""

FOR_EVER: Final = -1
DAY_MS: Final = 24 * 60 * 60 * 1000


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """A topic as we create it: the broker never creates one by itself."""

    name: str
    retention_ms: int
    cleanup_policy: str = "delete"
    partitions: int = 0
    """0 for the number that the deployment gives every topic."""
    record_bytes: int = 0
    """0 for the broker's own limit, a million by default."""


LARGEST_RECORD: Final = 8 * 1024 * 1024
"""The record size limit of topics that take larger records than others, in bytes."""

TOPICS: Final = (
    TopicSpec(EVENTS, FOR_EVER),  # the truth: never compacted
    TopicSpec(PROVISIONING, 7 * DAY_MS),
    TopicSpec(INCIDENTS, FOR_EVER, "compact"),  # also in the store, as it changes
    TopicSpec(ALERTS, FOR_EVER),
    TopicSpec(DEAD_LETTERS, 90 * DAY_MS),
    TopicSpec(LETTER_DECISIONS, FOR_EVER, partitions=1),  # few, in any order, and all of them count
)


@dataclass(frozen=True, slots=True)
class KafkaConnection:
    """How to reach a Kafka cluster."""

    bootstrap: str
    security_protocol: str = "PLAINTEXT"
    sasl_mechanism: str | None = None
    sasl_username: str | None = None
    sasl_password: str | None = None
    ca_file: str | None = None

    def __repr__(self) -> str:
        """Omits the password, because connections end up in logs and tracebacks."""
        return f"KafkaConnection({self.bootstrap!r}, {self.security_protocol})"

    def options(self) -> dict[str, Any]:
        """Return keyword arguments for any aiokafka client. Raises `BadUsage` if the CA file is not valid."""
        options: dict[str, Any] = {
            "bootstrap_servers": self.bootstrap,
            "security_protocol": self.security_protocol,
        }
        if self.security_protocol in {"SSL", "SASL_SSL"}:
            options["ssl_context"] = self._tls()
        if self.security_protocol.startswith("SASL"):
            options["sasl_mechanism"] = self.sasl_mechanism or "PLAIN"
            options["sasl_plain_username"] = self.sasl_username
            options["sasl_plain_password"] = self.sasl_password
        return options

    def _tls(self) -> ssl.SSLContext:
        try:
            return ssl.create_default_context(cafile=self.ca_file)
        except OSError as error:  # includes ssl.SSLError
            raise BadUsage(
                f"IDTRAIL_KAFKA_CA_FILE: {self.ca_file} is not a file of certificates (PEM): {error.strerror or error}"
            ) from None

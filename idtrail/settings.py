"""Every setting with its default, unit and one-sentence description, read from `IDTRAIL_…` and `idtrail.toml`.

The table in `docs/settings.md` is generated from this model.
"""

from __future__ import annotations

import os
from pathlib import Path
from tomllib import TOMLDecodeError
from typing import Final, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from schemas.errors import BadUsage
from schemas.kafka import KafkaConnection
from schemas.near import nearest
from schemas.organization import ORGANIZATION_FORM, is_organization

MEBIBYTE = 1024 * 1024
SHORTEST_TOKEN = 24
PREFIX = "IDTRAIL_"
FILE: Final = "idtrail.toml"


class Settings(BaseSettings):
    """The settings of every command and role."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, toml_file=FILE, extra="forbid")

    state_dir: Path = Field(
        Path("~/.idtrail"),
        description="Directory of the embedded stack: broker data, store, spool, token. Only one process may use it.",
    )
    organization: str = Field(
        "",
        description="Organization of imported records that name none; records of other organizations are refused.",
    )
    java: Literal["bundled", "system"] = Field(
        "bundled",
        description="JVM of the embedded broker: the one installed with idtrail, or the system's (17+).",
    )
    synced: bool = Field(
        True,
        description="Embedded stack: sync broker and store to disk before acknowledging, so that a power cut "
        "loses nothing. Without it, a killed process loses nothing, but a power cut may.",
    )
    kafka_bootstrap: str = Field(
        "", description="Kafka's host:port list; empty means the embedded broker.", examples=["kafka:9092"]
    )
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="How to connect to Kafka."
    )
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "PLAIN", description="SASL mechanism, with a SASL protocol."
    )
    kafka_sasl_username: str = Field("", description="SASL user name.")
    kafka_sasl_password: SecretStr = Field(SecretStr(""), description="SASL password.")
    kafka_ca_file: str = Field("", description="The certificate authority's file (PEM) for TLS; empty: the system's.")
    kafka_partitions: int = Field(
        12,
        ge=1,
        le=1000,
        description="Partitions of the topics when they are created; never changed afterwards.",
    )
    kafka_replication: int = Field(3, ge=1, le=9, description="Replicas of the topics when they are created.")
    clickhouse_url: SecretStr = Field(
        SecretStr(""),
        description="ClickHouse's address, http(s)://user:password@host:port/database; empty: the embedded engine.",
    )
    clickhouse_cluster: str = Field(
        "", description="Cluster name for replicated and distributed tables; empty: a single server."
    )
    api_host: str = Field("127.0.0.1", description="Address the API listens on.")
    api_port: int = Field(8642, ge=0, le=65535, description="Port the API listens on; 0 takes a free one.")
    metrics_host: str = Field(
        "127.0.0.1", description="Address on which `idtrail worker` serves its metrics, without a token."
    )
    metrics_port: int = Field(
        0, ge=0, le=65535, description="Port on which `idtrail worker` serves its metrics; 0 serves none."
    )
    api_url: str = Field(
        "",
        description="URL of the API, for the CLI and for links to alerts in deliveries; empty: the running embedded "
        "stack, and no links.",
    )
    token: SecretStr = Field(
        SecretStr(""), description="Token that the CLI sends to the API; empty: the one in the state directory."
    )
    feed_readers: int = Field(
        100, ge=1, le=10_000, description="Maximum number of readers of the live feed at a time, for one API process."
    )
    admin_token: SecretStr = Field(
        SecretStr(""),
        description="A token with every scope, accepted by the API besides the stored ones; 24 characters or more.",
    )
    spool_mebibytes: int = Field(
        1024, ge=1, description="Disk space for events accepted while the broker is away, in MiB."
    )
    sink_chunk_rows: int = Field(
        50_000, ge=1, le=1_000_000, description="Maximum number of rows that the sink holds in one flight."
    )
    sink_flush_ms: int = Field(
        200,
        ge=1,
        le=60_000,
        description="Longest time that a fresh event waits for others to share its insert, in ms.",
    )
    sink_retry_seconds: int = Field(
        60,
        ge=1,
        le=240,
        description="How long the sink retries a store that is away before its process exits, in s; `idtrail up` waits "
        "for as long as it takes.",
    )
    poison_limit: int = Field(
        500,
        ge=1,
        description="Unreadable records in a row (across restarts) at which the sink stops; fewer are dead-lettered.",
    )
    horizon_hours: int = Field(
        24, ge=1, le=144, description="Age up to which events are fresh and seen by live detection, in h."
    )
    rules_dir: Path | None = Field(
        None, description="Folder of your own alert rules, `*.yaml`; a rule with the id of a shipped one replaces it."
    )
    destinations_file: Path | None = Field(
        None,
        description="TOML file of the destinations for alerts (docs/deliveries.md); without one nobody is notified.",
    )
    deliver_private: bool = Field(
        False,
        description="Whether destinations may have loopback, link-local, private or reserved addresses.",
    )
    log_format: Literal["auto", "console", "json"] = Field(
        "auto", description="Format of log lines on standard error; auto: console on a terminal, else JSON."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Lowest level logged.")

    @field_validator("organization")
    @classmethod
    def _of_one(cls, organization: str) -> str:
        if organization and not is_organization(organization):
            raise ValueError(ORGANIZATION_FORM)
        return organization

    @field_validator("admin_token")
    @classmethod
    def _long_enough(cls, token: SecretStr) -> SecretStr:
        if 0 < len(token.get_secret_value()) < SHORTEST_TOKEN:
            raise ValueError(f"must have at least {SHORTEST_TOKEN} characters, such as `openssl rand -hex 24` gives")
        return token

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let arguments override the environment, which overrides `idtrail.toml` in the working directory."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)

    @property
    def state(self) -> Path:
        """The state directory, with `~` expanded."""
        return self.state_dir.expanduser().absolute()

    @property
    def embedded_kafka(self) -> bool:
        """Whether idtrail starts the broker itself."""
        return not self.kafka_bootstrap

    def kafka(self) -> KafkaConnection:
        """Return the outside Kafka of the settings. Raises `BadUsage` if they name none."""
        if self.embedded_kafka:
            raise BadUsage("no Kafka is set: set IDTRAIL_KAFKA_BOOTSTRAP, or run `idtrail up` for the embedded one")
        return KafkaConnection(
            bootstrap=self.kafka_bootstrap,
            security_protocol=self.kafka_security_protocol,
            sasl_mechanism=self.kafka_sasl_mechanism,
            sasl_username=self.kafka_sasl_username,
            sasl_password=self.kafka_sasl_password.get_secret_value(),
            ca_file=self.kafka_ca_file or None,
        )

    def outside(self) -> KafkaConnection:
        """Return the Kafka of `idtrail worker` and `idtrail api`. Raises `BadUsage` unless an outside ClickHouse is set
        as well: a worker that stores into one of its own takes events away from everybody else's."""
        connection = self.kafka()
        if not self.clickhouse_url.get_secret_value():
            raise BadUsage(
                "no ClickHouse is set: set IDTRAIL_CLICKHOUSE_URL to the one that all workers and APIs of this Kafka "
                "share, or run `idtrail up` for the embedded one"
            )
        return connection

    def store_url(self) -> str:
        """Return the store's URL: the outside ClickHouse, or the engine in the state directory."""
        return self.clickhouse_url.get_secret_value() or f"chdb://{self.state / 'store'}"


def load_settings(**overrides: object) -> Settings:
    """Return the settings in force. Raises `BadUsage` that names each wrong one and what it must be.

    Unknown names are refused, in the environment and in the file: a misspelt setting would silently keep its default.
    """
    unknown = [_unknown(name) for name in sorted(os.environ) if _is_unknown(name)]
    if unknown:
        raise BadUsage("; ".join(unknown))
    try:
        settings = Settings(**overrides)  # type: ignore[arg-type]  # because values come from outside
    except ValidationError as error:
        wrong = [_sentence(details["loc"], details["msg"]) for details in error.errors(include_input=False)]
        raise BadUsage("; ".join(wrong)) from None
    except OSError as error:
        raise BadUsage(f"{FILE} cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise BadUsage(f"{FILE} is not UTF-8 (byte {error.start:,}): save it as UTF-8") from None
    except TOMLDecodeError as error:
        raise BadUsage(f"{FILE} is not valid TOML: {error}") from None
    try:
        settings.state_dir.expanduser()
    except RuntimeError:
        raise BadUsage("IDTRAIL_STATE_DIR: `~` needs a home directory, which this user lacks: set it") from None
    return settings


def _is_unknown(name: str) -> bool:
    return name.upper().startswith(PREFIX) and name[len(PREFIX) :].lower() not in Settings.model_fields


def _unknown(name: str) -> str:
    near = nearest(name[len(PREFIX) :], Settings.model_fields)
    meant = f", did you mean {PREFIX}{near[0].upper()}?" if near else ""
    return f"the environment has {name}, which is not a setting{meant} (docs/settings.md lists them)"


def _sentence(location: tuple[int | str, ...], message: str) -> str:
    name = str(location[0]) if location else "settings"
    if message.startswith("Extra inputs"):
        near = nearest(name, Settings.model_fields)
        meant = f", did you mean {near[0]}?" if near else ""
        return f"{FILE}: there is no setting {name!r}{meant} (docs/settings.md lists them)"
    return f"IDTRAIL_{name.upper()}: {message[0].lower()}{message[1:]}"

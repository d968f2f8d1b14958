"""The broker's jars: resolved by jgo into a cache, each held to the SHA-256 sum of the lock."""

from __future__ import annotations

import hashlib
import os
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from filelock import FileLock

from schemas.errors import Fatal

KAFKA_VERSION: Final = "4.3.1"
_ENDPOINT: Final = f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}+org.slf4j:slf4j-simple:2.0.17"
"""The second one makes the broker log at all."""
LOCK: Final = Path(__file__).parent.parent / "kafka.lock.toml"


class Jar(NamedTuple):
    """One line of the lock."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def file(self) -> str:
        """Its file name."""
        return f"{self.artifact}-{self.version}.jar"


def cache_directory() -> Path:
    """Where jars are kept, for every project of this user."""
    base = os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
    return Path(base) / "idtrail" / f"kafka-{KAFKA_VERSION}"


def read_lock(lock: Path = LOCK) -> list[Jar]:
    """The jars that the broker is made of."""
    return [
        Jar(jar["group"], jar["artifact"], jar["version"], jar["sha256"])
        for jar in tomllib.loads(lock.read_text())["jars"]
    ]


def verified_jars(say: Callable[[str], None] = lambda step: None, lock: Path = LOCK) -> list[Path]:
    """The class path, resolved at first use and verified each time; no network once it is cached.

    Raises `Fatal` naming a jar that is missing, too many, or not the one that the lock pins.
    """
    cache = cache_directory()
    cache.mkdir(parents=True, exist_ok=True)
    with FileLock(cache / "lock"):
        found = _cached(cache)
        if not found:
            say("fetching the broker's jars (44 MB, once)")
            found = _resolve(cache)
        return _verify(found, read_lock(lock), cache)


def write_lock(lock: Path = LOCK) -> int:
    """Resolve anew and pin what came; the number of jars."""
    cache = cache_directory()
    cache.mkdir(parents=True, exist_ok=True)
    with FileLock(cache / "lock"):
        pinned = _pinned(_resolve(cache))
    lines = [
        "# The embedded broker's jars. Written by `idtrail jars --lock`; held to at each start.",
        *(
            f'\n[[jars]]\ngroup = "{jar.group}"\nartifact = "{jar.artifact}"\nversion = "{jar.version}"\n'
            f'sha256 = "{jar.sha256}"'
            for jar in sorted(pinned)
        ),
    ]
    lock.write_text("\n".join(lines) + "\n")
    return len(pinned)


def _cached(cache: Path) -> list[Path]:
    return sorted(cache.glob("envs/**/*.jar"))


def _resolve(cache: Path) -> list[Path]:
    # Slow to import, and only ever needed when the cache is empty.
    import jgo
    from jgo.maven import PythonResolver

    try:
        jgo.build(_ENDPOINT, update=True, cache_dir=cache, resolver=PythonResolver())
    except Exception as error:
        raise Fatal(
            f"the broker's jars could not be fetched: {error}. Try again when the network is there, "
            "or set IDTRAIL_KAFKA_BOOTSTRAP to use a Kafka of your own"
        ) from error
    return _cached(cache)


def _pinned(found: list[Path]) -> list[Jar]:
    """What jgo's own lock says of the jars it brought, with sums of our own."""
    sums = {path.name: _sum(path) for path in found}
    jars = []
    for ledger in {path.parent.parent / "jgo.lock.toml" for path in found}:
        for dependency in tomllib.loads(ledger.read_text())["dependencies"]:
            jar = Jar(dependency["groupId"], dependency["artifactId"], dependency["version"], "")
            jars.append(jar._replace(sha256=sums[jar.file]))
    return jars


def _sum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _verify(found: list[Path], locked: list[Jar], cache: Path) -> list[Path]:
    mend = f"remove {cache} and start again"
    by_name = {path.name: path for path in found}
    for jar in locked:
        path = by_name.pop(jar.file, None)
        if path is None:
            raise Fatal(f"the broker's {jar.file} is missing: {mend}")
        if _sum(path) != jar.sha256:
            raise Fatal(f"the broker's {jar.file} is not the one that is locked (its SHA-256 differs): {mend}")
    if by_name:
        raise Fatal(f"{min(by_name)} is not among the broker's locked jars: {mend}")
    return found

"""The broker's jars: fetched once into a cache, and checked against the lock's SHA-256 sums at every start.

Only what the lock names is ever fetched, and a jar is in the cache complete and as locked, or not at all.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import tomllib
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from filelock import FileLock

from schemas.errors import Fatal

if TYPE_CHECKING:
    from jgo.maven import MavenContext

KAFKA_VERSION: Final = "4.3.1"
_ROOTS: Final = (f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}", "org.slf4j:slf4j-simple:2.0.17")
"""Without the second one the broker logs nothing."""
LOCK: Final = Path(__file__).parent.parent / "kafka.lock.toml"
_FETCHES_AT_ONCE: Final = 6


class Jar(NamedTuple):
    """One line of the lock."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def file(self) -> str:
        """The jar's file name."""
        return f"{self.artifact}-{self.version}.jar"


def cache_directory() -> Path:
    """Return the directory of the jars, shared by all projects of this user."""
    base = os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
    return Path(base) / "idtrail" / f"kafka-{KAFKA_VERSION}" / "jars"


def read_lock(lock: Path = LOCK) -> list[Jar]:
    """Return the jars that the broker consists of."""
    return [
        Jar(jar["group"], jar["artifact"], jar["version"], jar["sha256"])
        for jar in tomllib.loads(lock.read_text())["jars"]
    ]


def render_lock(jars: Iterable[Jar]) -> str:
    """Return the lock's text, the same bytes for the same jars in any order."""
    lines = [
        "# The embedded broker's jars. Written by `idtrail jars --lock`; held to at each start.",
        *(
            f'\n[[jars]]\ngroup = "{jar.group}"\nartifact = "{jar.artifact}"\nversion = "{jar.version}"\n'
            f'sha256 = "{jar.sha256}"'
            for jar in sorted(jars)
        ),
    ]
    return "\n".join(lines) + "\n"


def verified_jars(say: Callable[[str], None] = lambda step: None, lock: Path = LOCK) -> list[Path]:
    """Return the class path, fetched at first use and verified each time. Needs no network once it is cached.

    Raises `Fatal` that names a jar that cannot be fetched, is superfluous, or differs from the lock.
    """
    cache, jars = cache_directory(), read_lock(lock)
    if _absent(jars, cache):
        cache.mkdir(parents=True, exist_ok=True)
        with FileLock(cache.with_name("lock")):
            # A process that waited here for another one finds nothing left to fetch.
            if absent := _absent(jars, cache):
                say(f"fetching {len(absent)} of the broker's jars (44 MB in all, once)")
                _fetch(absent, cache)
    if extra := {path.name for path in cache.glob("*.jar")} - {jar.file for jar in jars}:
        raise Fatal(f"{cache / min(extra)} is not among the broker's locked jars: remove it and start again")
    for jar in jars:
        _verify(jar, cache / jar.file)
    return [cache / jar.file for jar in jars]


def write_lock(lock: Path = LOCK) -> int:
    """Resolve the jars anew and pin the result; return the number of jars."""
    with tempfile.TemporaryDirectory() as scratch:
        maven = _maven(Path(scratch))
        roots = [maven.create_dependency(root) for root in _ROOTS]
        _, behind = maven.resolver.resolve(roots)
        artifacts = [root.artifact for root in roots]
        artifacts += [one.artifact for one in behind if one.scope in {"compile", "runtime"}]
        jars = [Jar(one.groupId, one.artifactId, one.version, _sum(Path(one.resolve()))) for one in artifacts]
    lock.write_text(render_lock(jars))
    return len(jars)


def _absent(jars: Iterable[Jar], cache: Path) -> list[Jar]:
    return [jar for jar in jars if not (cache / jar.file).exists()]


def _fetch(jars: Iterable[Jar], cache: Path) -> None:
    with (
        tempfile.TemporaryDirectory(prefix="fetch-", dir=cache.parent) as scratch,
        ThreadPoolExecutor(_FETCHES_AT_ONCE) as pool,
    ):
        maven = _maven(Path(scratch))

        def fetch_one(jar: Jar) -> None:
            try:
                found = Path(maven.project(jar.group, jar.artifact).at_version(jar.version).artifact().resolve())
            except Exception as error:
                raise Fatal(
                    f"the broker's {jar.file} could not be fetched ({error}): try again when the network is there, "
                    "or set IDTRAIL_KAFKA_BOOTSTRAP to use a Kafka of your own"
                ) from error
            _verify(jar, found)
            draft = Path(scratch) / jar.file
            shutil.copyfile(found, draft)  # a copy: a link would let others change what was verified
            draft.replace(cache / jar.file)

        for _ in pool.map(fetch_one, jars):
            pass


def _maven(scratch: Path) -> MavenContext:
    """Return a resolver in pure Python. It looks into the user's own Maven repository first, and writes only to
    `scratch`."""
    # Slow to import, and only needed if the cache is incomplete.
    from jgo.config import GlobalSettings
    from jgo.constants import MAVEN_CENTRAL_URL, default_maven_repo
    from jgo.maven import MavenContext, PythonResolver

    return MavenContext(
        resolver=PythonResolver(),
        repo_cache=scratch,
        local_repos=[default_maven_repo()],
        remote_repos={"central": MAVEN_CENTRAL_URL, **GlobalSettings.load().repositories},
    )


def _sum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _verify(jar: Jar, path: Path) -> None:
    if _sum(path) != jar.sha256:
        raise Fatal(f"{path} is not the jar that is locked (its SHA-256 differs): remove it and start again")

"""`idtrail destinations`: what is wrong with the file, and a test message; never a secret."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.cli.running import stateless
from tests.delivery.log import HOOK, PEOPLE, SECRET


def run(*arguments: str, file: Path | None = None, code: int = 0, **more: str) -> tuple[str, str]:
    """What a command prints, and what it complains of."""
    own = {} if file is None else {"IDTRAIL_DESTINATIONS_FILE": str(file)}
    ended, out, err = stateless(["destinations", *arguments], {**own, **more}, columns=110)
    assert ended == code, (out, err)
    assert "T0K3N" not in out + err
    assert SECRET not in out + err
    return out, err


@pytest.fixture
def file(tmp_path: Path) -> Path:
    own = 'organizations = ["641b3db57090821c0b2f8183"]\n'
    quiet = 'quiet_hours = {begin = "22:00", end = "06:30", zone = "Europe/Vienna"}\n'
    text = f'[people]\n{PEOPLE}{own}severities = ["critical", "high"]\n{quiet}per_hour = 10\n[siem]\n{HOOK}'
    (tmp_path / "destinations.toml").write_text(text)
    return tmp_path / "destinations.toml"


def test_a_check_shows_what_there_is(file: Path) -> None:
    out, _ = run("check", file=file)
    assert [line.split() for line in out.splitlines()] == [
        "2 destinations can be used; nothing was sent".split(),
        "destination by takes quiet per hour".split(),
        "people json high, critical; 1 organization 22:00 to 06:30 Europe/Vienna 10".split(),
        "siem webhook+https everything - -".split(),
        "Next: idtrail destinations test people".split(),
    ]
    told = [json.loads(line) for line in run("check", "--json", file=file)[0].splitlines()]
    assert [(one["name"], one["scheme"], one["per_hour"]) for one in told] == [
        ("people", "json", 10),
        ("siem", "webhook+https", None),
    ]


def test_a_check_says_what_is_wrong(file: Path) -> None:
    file.write_text(file.read_text().replace("per_hour = 10", "per_hour = 0"))
    assert "people.per_hour: input should be greater" in run("check", file=file, code=3)[1]
    file.write_text('[people]\nurl = "slack://T0K3N"')
    assert "people.url: Apprise does not accept this URL" in run("check", file=file, code=3)[1]
    assert "IDTRAIL_DESTINATIONS_FILE" in run("check", code=2)[1]


def test_a_rule_that_names_an_unknown_destination_is_a_finding(file: Path, tmp_path: Path) -> None:
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "some-rule.yaml").write_text(
        "id: some-rule\ntitle: something\nseverity: high\ndescription: Why.\nremedy: What.\nkind: match\n"
        "match: {outcome: [failure]}\ngroup_by: []\ndestinations: [siem, nobody]\n"
    )
    _, said = run("check", file=file, code=3, IDTRAIL_RULES_DIR=str(rules))
    assert said == (
        f"idtrail: the rule some-rule names the destination 'nobody', which is not in {file}; "
        "expected one of: people, siem\n"
    )


@pytest.fixture
def port() -> Iterator[int]:
    class Taking(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Taking) as server:
        threading.Thread(target=server.serve_forever).start()
        yield server.server_port
        server.shutdown()


def test_a_test_message(file: Path, port: int) -> None:
    file.write_text(
        f'[siem]\nurl = "webhook+http://127.0.0.1:{port}/T0K3N"\nsecret = "{SECRET}"\n'
        f'[people]\nurl = "json://127.0.0.1:{port}/T0K3N"\n'
    )
    for name in ("siem", "people"):
        assert run("test", name, file=file, IDTRAIL_DELIVER_PRIVATE="true")[0] == f"{name} took the message\n"
        said = run("test", name, file=file, code=1)[1]
        assert said.startswith(
            f"idtrail: the message to {name} was not sent: its host leads to an address that is not of the internet"
        )
    assert "there is no destination 'simm'; expected one of: people, siem" in run("test", "simm", file=file, code=2)[1]

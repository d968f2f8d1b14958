"""What became of an attempt: success is never guessed, and a contradiction is never success."""

from __future__ import annotations

import pytest

from schemas.events import EVENT_TYPES
from schemas.outcome import CONTRADICTED, REMOVALS, Evidence, Outcome, judge

CREATE, DEPROVISION, LOOKUP = "user_create_provision", "user_deprovision", "user_lookup_provision"

SUCCESS, FAILURE = Outcome.SUCCESS, Outcome.FAILURE
ABSENT, UNKNOWN = Outcome.REPORTED_ABSENT, Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("evidence", "outcome", "flag"),
    [
        pytest.param(Evidence(CREATE, True, 201, "", False), SUCCESS, "", id="created"),
        pytest.param(Evidence(CREATE, True, 0, "", False), SUCCESS, "", id="success without a code"),
        pytest.param(Evidence(CREATE, False, 409, "", False), FAILURE, "", id="refused"),
        pytest.param(Evidence(CREATE, False, 0, "", False), FAILURE, "", id="failed without a code"),
        pytest.param(Evidence(CREATE, False, 201, "", False), FAILURE, "", id="success false outweighs a 201"),
        pytest.param(Evidence(CREATE, True, 409, "", False), UNKNOWN, CONTRADICTED, id="success true with 409"),
        pytest.param(Evidence(CREATE, True, 500, "", False), UNKNOWN, CONTRADICTED, id="success true with 500"),
        pytest.param(Evidence(CREATE, True, 404, "", False), UNKNOWN, CONTRADICTED, id="a create is no removal"),
        pytest.param(Evidence(CREATE, None, 201, "", False), SUCCESS, "", id="code alone, good"),
        pytest.param(Evidence(CREATE, None, 204, "noise", False), SUCCESS, "", id="a good code outweighs a message"),
        pytest.param(Evidence(CREATE, None, 302, "", False), FAILURE, "", id="a redirect is no success"),
        pytest.param(Evidence(CREATE, None, 400, "", False), FAILURE, "", id="code alone, bad"),
        pytest.param(Evidence(CREATE, None, 0, "not authorized", False), FAILURE, "", id="message alone"),
        pytest.param(Evidence(CREATE, None, 0, "", False), UNKNOWN, "", id="nothing said"),
        pytest.param(Evidence(LOOKUP, None, 0, "", False), FAILURE, "", id="a lookup is only logged on trouble"),
        pytest.param(Evidence(LOOKUP, True, 0, "", False), SUCCESS, "", id="a lookup that says otherwise"),
        pytest.param(Evidence(LOOKUP, None, 200, "", False), SUCCESS, "", id="a lookup whose code says otherwise"),
        pytest.param(Evidence(LOOKUP, False, 404, "", False), FAILURE, "", id="a lookup's 404 is a failure"),
        pytest.param(Evidence(DEPROVISION, False, 404, "", False), ABSENT, "", id="404 on a deprovision"),
        pytest.param(Evidence(DEPROVISION, None, 404, "", False), ABSENT, "", id="404 on a deprovision, code alone"),
        pytest.param(Evidence(DEPROVISION, True, 404, "", False), ABSENT, "", id="404 counted as success, still apart"),
        pytest.param(Evidence(DEPROVISION, False, 404, "", True), FAILURE, "", id="a web page's 404 is not absence"),
        pytest.param(Evidence(DEPROVISION, True, 404, "", True), UNKNOWN, CONTRADICTED, id="success with a 404 page"),
        pytest.param(Evidence(DEPROVISION, False, 410, "", False), FAILURE, "", id="410 is not what 404 is"),
        pytest.param(Evidence("sso_auth", None, 0, "", False), UNKNOWN, "", id="another type, nothing said"),
        pytest.param(Evidence("", True, 0, "", False), SUCCESS, "", id="no type at all"),
    ],
)
def test_an_attempt_is_judged_by_what_the_record_says(evidence: Evidence, outcome: Outcome, flag: str) -> None:
    assert judge(evidence) == (outcome, flag)


@pytest.mark.parametrize("event_type", EVENT_TYPES)
@pytest.mark.parametrize("code", [0, *range(200, 600, 7)])
@pytest.mark.parametrize("message", ["", "something"])
def test_success_needs_a_word_of_success(event_type: str, code: int, message: str) -> None:
    for success in (None, False):
        outcome, _ = judge(Evidence(event_type, success, code, message, False))
        if outcome is Outcome.SUCCESS:
            assert success is None
            assert 200 <= code < 300


def test_only_removals_can_find_a_thing_absent() -> None:
    found = {name for name in EVENT_TYPES if judge(Evidence(name, False, 404, "", False))[0] is ABSENT}

    assert found == REMOVALS

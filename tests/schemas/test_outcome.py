"""What became of an attempt: success is never guessed, and a contradiction is never success."""

from __future__ import annotations

import pytest

from schemas.events import EVENT_TYPES, from_object
from schemas.outcome import ANSWER_CONTRADICTED, CONTRADICTED, Evidence, Outcome, judge
from schemas.verdict import verdict

CREATE, DEPROVISION, LOOKUP = "user_create_provision", "user_deprovision", "user_lookup_provision"

SUCCESS, FAILURE = Outcome.SUCCESS, Outcome.FAILURE
ABSENT, UNKNOWN = Outcome.REPORTED_ABSENT, Outcome.UNKNOWN


def said(
    event_type: str, success: bool | None, code: int, message: str = "", *, status: int = 0, denies: bool = False
) -> Evidence:
    return Evidence(event_type == DEPROVISION, event_type == LOOKUP, success, code, code or status, message, denies)


@pytest.mark.parametrize(
    ("evidence", "outcome", "flag"),
    [
        pytest.param(said(CREATE, True, 201), SUCCESS, "", id="created"),
        pytest.param(said(CREATE, True, 0), SUCCESS, "", id="success without a code"),
        pytest.param(said(CREATE, False, 409), FAILURE, "", id="refused"),
        pytest.param(said(CREATE, False, 0), FAILURE, "", id="failed without a code"),
        pytest.param(said(CREATE, False, 201), FAILURE, "", id="success false outweighs a 201"),
        pytest.param(said(CREATE, True, 409), UNKNOWN, CONTRADICTED, id="success true with 409"),
        pytest.param(said(CREATE, True, 500), UNKNOWN, CONTRADICTED, id="success true with 500"),
        pytest.param(
            said(CREATE, True, 400), UNKNOWN, CONTRADICTED, id="success true with 400, the first that refuses"
        ),
        pytest.param(said(CREATE, True, 299), SUCCESS, "", id="success true with 299, the last good one"),
        pytest.param(
            said(CREATE, True, 300), UNKNOWN, CONTRADICTED, id="success true with 300, the first that is none"
        ),
        pytest.param(said(DEPROVISION, True, 302), UNKNOWN, CONTRADICTED, id="success true with a redirect"),
        pytest.param(said(CREATE, True, 404), UNKNOWN, CONTRADICTED, id="a create is no removal"),
        pytest.param(said(CREATE, None, 201), SUCCESS, "", id="code alone, good"),
        pytest.param(
            said(CREATE, None, 204, "unexpected EOF"),
            UNKNOWN,
            ANSWER_CONTRADICTED,
            id="a good code with an error message",
        ),
        pytest.param(said(CREATE, True, 204, "noise"), SUCCESS, "", id="success and a good code outweigh a message"),
        pytest.param(said(CREATE, None, 299), SUCCESS, "", id="the last good code"),
        pytest.param(said(CREATE, None, 300), FAILURE, "", id="the first that is none"),
        pytest.param(said(CREATE, None, 302), FAILURE, "", id="a redirect is no success"),
        pytest.param(said(CREATE, None, 400), FAILURE, "", id="code alone, bad"),
        pytest.param(said(CREATE, None, 0, "not authorized"), FAILURE, "", id="message alone"),
        pytest.param(said(CREATE, None, 0), UNKNOWN, "", id="nothing said"),
        pytest.param(said(LOOKUP, None, 0), FAILURE, "", id="a lookup is only logged on trouble"),
        pytest.param(said(LOOKUP, True, 0), SUCCESS, "", id="a lookup that says otherwise"),
        pytest.param(said(LOOKUP, None, 200), SUCCESS, "", id="a lookup whose code says otherwise"),
        pytest.param(said(LOOKUP, False, 404), FAILURE, "", id="a lookup's 404 is a failure"),
        pytest.param(said(DEPROVISION, False, 404), ABSENT, "", id="404 on a deprovision"),
        pytest.param(said(DEPROVISION, None, 404), ABSENT, "", id="404 on a deprovision, code alone"),
        pytest.param(said(DEPROVISION, True, 404), ABSENT, "", id="404 counted as success, still apart"),
        pytest.param(said(DEPROVISION, False, 404, denies=True), FAILURE, "", id="a web page's 404 is not absence"),
        pytest.param(said(DEPROVISION, True, 404, denies=True), UNKNOWN, CONTRADICTED, id="success with a 404 page"),
        pytest.param(said(DEPROVISION, False, 410), FAILURE, "", id="410 is not what 404 is"),
        pytest.param(
            said(DEPROVISION, False, 0, "404: gone", status=404), ABSENT, "", id="a 404 that only a text names"
        ),
        pytest.param(said(CREATE, False, 0, "404: gone", status=404), FAILURE, "", id="the same on a create"),
        pytest.param(
            said(DEPROVISION, True, 0, "status code 401", status=401),
            UNKNOWN,
            CONTRADICTED,
            id="success with a 401 in a text",
        ),
        pytest.param(said(CREATE, None, 200, denies=True), UNKNOWN, ANSWER_CONTRADICTED, id="a 200 with a web page"),
        pytest.param(said(CREATE, True, 200, denies=True), UNKNOWN, CONTRADICTED, id="success true with a web page"),
        pytest.param(said(CREATE, True, 0, denies=True), UNKNOWN, CONTRADICTED, id="the same without a code"),
        pytest.param(said("sso_auth", None, 0), UNKNOWN, "", id="another type, nothing said"),
        pytest.param(said("", True, 0), SUCCESS, "", id="no type at all"),
    ],
)
def test_an_attempt_is_judged_by_what_the_record_says(evidence: Evidence, outcome: Outcome, flag: str) -> None:
    assert judge(evidence) == (outcome, flag)


@pytest.mark.parametrize("event_type", EVENT_TYPES)
@pytest.mark.parametrize("code", [0, *range(200, 600, 7)])
@pytest.mark.parametrize("message", ["", "something"])
def test_success_needs_a_word_of_success(event_type: str, code: int, message: str) -> None:
    for success in (None, False):
        outcome, _ = judge(said(event_type, success, code, message))
        if outcome is Outcome.SUCCESS:
            assert success is None
            assert 200 <= code < 300
            assert not message


def test_only_removals_can_find_a_thing_absent() -> None:
    answered = {"success": False, "message_chain": {"response_code": "404"}}
    records = [from_object(answered | {"event_type": event_type}) for event_type in EVENT_TYPES]
    absent = {event.canonical for event in records if verdict(event, event.canonical).outcome == ABSENT}

    assert absent == {"user_deprovision", "user_delete_provision", "group_delete_provision"}

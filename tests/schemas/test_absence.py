"""Which answers 404 to a removal tell that somebody is not there: those that say so, and those that say nothing."""

from __future__ import annotations

import pytest

from schemas.absence import tells_absence

SILENT = (
    "", "404", "Not Found", "404 Not Found", "NOT_FOUND", "Error: 404", "{}", "null", "[]", "HTTP/1.1 404 Not Found",
    '{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"status":"404"}', "status code 404: not found",
    "request failed with status code 404", "Failed to delete user: 404 Not Found",
    "Error deactivating user 7 · Not Found",
    "User could not be deactivated: 404", "404: Gone", "Unable to remove account from Slack: 404",
    "NotFoundException", "Not Found. Request ID: 7f3a-9", "Could not delete user: Not Found",
)  # fmt: skip
OF_SOMEBODY = (
    "User not found", "user_not_found", "no_such_user", "User not exist", "User does not exist: ines.",
    "User doesn't exist", "User with id 1234 not found in directory 5678", "User ines.almeida@corp.example not found",
    "User 'ines' not found", "Couldn't find User with 'id'=7", "No user found with this email", "No matching user",
    "No user with key 7 was found", "User with key 7 not found", "Organization member not found", "Unknown user",
    "The user could not be found or was already removed.", "member not found in organization acme", "Account not found",
    "User is not a member of this organization", "The user no longer exists", "User has already been deleted",
    "Unable to find the requested user", "User 7 in organization acme not found", "No SCIM user with externalId 7",
    "ResourceNotFoundException: USER not found.", "[NotFound] Profile 63ec9bba does not exist",
)  # fmt: skip
OF_A_GROUP = ("Group not found", "No such group", "Team 7 not found", "The group was not found: data")
OF_THE_RESOURCE = (
    "Resource not found", "Resource 5fc0c238-1112-11e8-8e45-920c87bdbd75 not found.", "Resource Not Found: userKey",
    "The requested resource does not exist", "Record not found", "RESOURCE_NOT_FOUND",
)  # fmt: skip
OF_SOMETHING_ELSE = (
    "Site not found", "Enterprise not found", "Identity provider not found", "SCIM configuration not found",
    "IDENTITY_STORE not found", "ResourceNotFoundException · IDENTITY_STORE not found", "API not found",
    "Key not found",
    "acme.slack.com not found", "No SCIM directory found with id 6a7", "User pool not found", "No user pool found",
    "User directory 7 not found", "The user's tenant does not exist", "Could not find the account's organization",
    "Resource quota not found", "User subscription not found", "User not found: tenant 5 does not exist", "Not a route",
    "Failed to delete user from Slack: site not found", "Failed to delete user: gizmo not found",
    "default backend - 404",
    "User account is disabled", "User not deleted, try again", "User", "Invalid user id", "Benutzer nicht gefunden",
    "The user does not exist or you do not have permission to view it", "Resource not found or access denied",
    "No permission to see the user", "This endpoint no longer serves users", '{"reason": "tenant gone"}',
    "d-12345 not found", "'acme' not found", '{"errorMessage": "Tenant gone"}', "Cannot delete user",
    "テナントが見つかりません", "Entité absente", "Account for organization 5 not found",
    "Not Found · attribute /scim/v2/Users/12",
    "connection reset after error 404",
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "of_somebody", "of_a_group"),
    [
        *(pytest.param(text, True, True, id=text or "nothing") for text in SILENT + OF_THE_RESOURCE),
        *(pytest.param(text, True, False, id=text) for text in OF_SOMEBODY),
        *(pytest.param(text, False, True, id=text) for text in OF_A_GROUP),
        *(pytest.param(text, False, False, id=text) for text in OF_SOMETHING_ELSE),
    ],
)
def test_only_words_of_the_account_and_none_tell_that_it_is_not_there(
    text: str, of_somebody: bool, of_a_group: bool
) -> None:
    assert tells_absence(text, of_group=False) is of_somebody
    assert tells_absence(text, of_group=True) is of_a_group

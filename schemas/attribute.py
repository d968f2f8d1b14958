"""Which SCIM attribute a provider's text is about."""

from __future__ import annotations

import re

_SPELT = (
    "userName givenName familyName displayName externalId nickName profileUrl userType preferredLanguage phoneNumbers "
    "phoneNumber employeeNumber costCenter emails email timezone addresses"
)
_PLAIN = (
    "name title locale department division organization manager active members member address roles role password "
    "entitlements"
)
_ATTRIBUTE = re.compile(rf"\b({_SPELT.replace(' ', '|')})\b", re.ASCII | re.IGNORECASE)
_PLAIN_ATTRIBUTE = re.compile(
    r"""(?aix) ["'`] ({0}) ["'`]
    | \b ({0}) \s (?: attribute | field | value | property | is | must | can | may | should | length | too | not )
    | \b (?: attribute | field | property | value \s (?:of|for) ) [\s:="'`]{{1,3}} ({0}) \b
    | ^ ({0}) : \s
    """.format(_PLAIN.replace(" ", "|"))
)
"""Words that name an attribute only where the text says so: `your organization` is none."""
_SPELLING = {name.lower(): name for name in (*_SPELT.split(), *_PLAIN.split())} | {
    "email": "emails",
    "phonenumber": "phoneNumbers",
    "member": "members",
    "address": "addresses",
    "role": "roles",
}


def attribute_in(text: str) -> str:
    """The SCIM attribute that a provider's text names first, in its usual spelling; empty if none."""
    match = _ATTRIBUTE.search(text) or _PLAIN_ATTRIBUTE.search(text)
    return _SPELLING[match[match.lastindex or 0].lower()] if match else ""

"""How long tokens of applications live according to their vendors, which a forecast falls back on.

A lifetime shown by an application's own expiries is better evidence and takes precedence.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final, NamedTuple


class Lifetime(NamedTuple):
    """What a vendor says of the tokens that a directory provisions with."""

    vendor: str
    names: tuple[str, ...]
    """How an application's name begins in a vendor's catalogue: small letters and digits only."""
    lasts: timedelta
    """The lifetime from the token's creation. For months, the fewest days they can have."""
    source: str
    """Where the vendor says so."""


CATALOGUE: Final = (
    Lifetime(
        "Atlassian",
        ("atlassian", "jira", "confluence"),
        timedelta(days=365),
        "https://support.atlassian.com/provisioning-users/docs/manage-scim-api-key-expiration",
    ),
    Lifetime(
        "AWS IAM Identity Center",
        ("awsiamidentitycenter", "awssinglesignon", "awssso", "awsidentitycenter", "iamidentitycenter"),
        timedelta(days=365),
        "https://docs.aws.amazon.com/singlesignon/latest/userguide/provision-automatically.html",
    ),
    Lifetime(
        "Chainguard",
        ("chainguard",),
        timedelta(days=365),
        "https://edu.chainguard.dev/platform/chainctl/chainctl-docs/chainctl_iam_identity-providers_scim_token_generate/",
    ),
    Lifetime(
        "Confluent Cloud",
        ("confluentcloud", "confluent"),
        timedelta(minutes=259_200),
        "https://docs.confluent.io/confluent-cli/current/command-reference/organization/scim-token/"
        "confluent_organization_scim-token_create.html",
    ),
    Lifetime(
        "Informatica",
        ("informatica",),
        timedelta(days=180),
        "https://docs.informatica.com/cloud-common-services/administrator/current-version/user-administration/"
        "saml-single-sign-on/user-management-with-saml-authentication-and-authorization/"
        "pushing-user-and-group-information-using-scim-2-0/managing-scim-tokens.html",
    ),
    # XXX: reported to us, but not found on a citable page of the vendor's.
    Lifetime("Kong", ("kong", "kongkonnect", "konnect"), timedelta(days=90), ""),
    Lifetime(
        "Snowflake",
        ("snowflake",),
        timedelta(days=181),
        "https://docs.snowflake.com/en/sql-reference/functions/system_generate_scim_access_token",
    ),
)
"""The default lifetime, if the vendor lets one choose."""

_TAILS: Final = frozenset(("", "scim", "cloud", "sso", "saml", "prod", "production"))
"""What a name may continue with and still be the vendor's."""
_NOISE: Final = re.compile(r"[^a-z0-9]+")


def lifetime_of(application: str) -> Lifetime | None:
    """Return the lifetime by the application's name in the directory, in any spelling: `Snowflake`,
    `aws-iam-identity-center`."""
    plain = _NOISE.sub("", application.lower())
    for known in CATALOGUE:
        for name in known.names:
            if plain.startswith(name) and plain[len(name) :].rstrip("0123456789") in _TAILS:
                return known
    return None

"""Events in the Open Cybersecurity Schema Framework, which SIEMs and data lakes read. Pure.

Up to OCSF 1.8 an act on a person's account is Account Change (3001); from 1.9 on it is User Management (3007). Groups
and integrations are Entity Management (3004) in both, sign-ins are Authentication (3002), and the rest are base events.
Times are milliseconds since 1970, as OCSF requires.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from schemas.action import Action
from schemas.times import SENTINEL

Row = Mapping[str, Any]
Object = dict[str, Any]

_IAM: Final = 3
_OTHER: Final = 99


class _Class(NamedTuple):
    uid: int
    name: str
    activities: dict[str, tuple[int, str]]
    """The OCSF activity of each act."""


_ACCOUNT_CHANGE: Final = _Class(
    3001, "Account Change",
    {"create": (1, "Create"), "enable": (2, "Enable"), "disable": (5, "Disable"), "delete": (6, "Delete")},
)  # fmt: skip
_USER_MANAGEMENT: Final = _Class(
    3007, "User Management",
    {
        "create": (1, "Create"), "update": (2, "Update"), "delete": (3, "Delete"), "enable": (4, "Enable"),
        "disable": (5, "Disable"),
    },
)  # fmt: skip
_ENTITY_MANAGEMENT: Final = _Class(
    3004, "Entity Management",
    {
        "create": (1, "Create"), "update": (3, "Update"), "reauth": (3, "Update"), "delete": (4, "Delete"),
        "activate": (10, "Activate"), "deactivate": (11, "Deactivate"),
    },
)  # fmt: skip
_AUTHENTICATION: Final = _Class(3002, "Authentication", {"sso_auth": (1, "Logon")})
_BASE: Final = _Class(0, "Base Event", {})

_STATUS: Final = {"success": (1, "Success"), "failure": (2, "Failure"), "unknown": (0, "Unknown")}
_SEVERITY: Final = {"failure": (3, "Medium")}
_UNMAPPED: Final = (
    "cause", "attribute", "scim_type", "retryable", "account_state", "changed", "flags", "time_quality", "incident_id",
    "integration_id",
)  # fmt: skip


def ocsf(row: Row, version: str) -> Object:
    """Return one event, a row of `GET /api/v1/events`, in OCSF of `version`."""
    chosen = _class_of(row, version)
    activity, activity_name = chosen.activities.get(_deed(row), (_OTHER, _deed(row) or "other"))
    status, status_name = _STATUS.get(row["outcome"], (_OTHER, row["outcome"]))
    severity, severity_name = _SEVERITY.get(row["outcome"], (1, "Informational"))
    category = (_IAM, "Identity & Access Management") if chosen.uid else (0, "Uncategorized")
    found: Object = {
        "metadata": _metadata(row, version),
        "category_uid": category[0],
        "category_name": category[1],
        "class_uid": chosen.uid,
        "class_name": chosen.name,
        "activity_id": activity,
        "activity_name": activity_name,
        "type_uid": chosen.uid * 100 + activity,
        "type_name": f"{chosen.name}: {activity_name}",
        "time": _milliseconds(row["occurred_at"] if row["time_quality"] == "ok" else row["known_at"]),
        "severity_id": severity,
        "severity": severity_name,
        "status_id": status,
        "status": status_name,
        "message": _message(row),
    }
    if row["http_status"]:
        found["status_code"] = str(row["http_status"])
    if row["detail"]:
        found["status_detail"] = row["detail"]
    if actor := _person(row["actor_id"], row["actor_name"], ""):
        found["actor"] = {"user": actor}
    found |= _target(row, chosen)
    found["unmapped"] = _unmapped(row)
    return found


def _class_of(row: Row, version: str) -> _Class:
    if row["kind"] == "user":
        return _ACCOUNT_CHANGE if version.startswith("1.8.") else _USER_MANAGEMENT
    if row["kind"] in ("group", "integration"):
        return _ENTITY_MANAGEMENT
    return _AUTHENTICATION if row["event_type"] == "sso_auth" else _BASE


def _deed(row: Row) -> str:
    """Return the act in OCSF's sense: an update that opens or closes an account counts as that act."""
    if row["kind"] == "integration" and row["action"] == Action.DELETE:
        return "deactivate"  # the vendor's word: the account is not removed, and can be activated again
    if row["kind"] == "user":
        if row["action"] == Action.DEPROVISION:
            return "disable"
        if row["action"] == Action.UPDATE and row["account_state"] in ("active", "inactive"):
            return "enable" if row["account_state"] == "active" else "disable"
    return str(row["action"] or row["event_type"])


def _metadata(row: Row, version: str) -> Object:
    return {
        "version": version,
        "uid": str(row["event_id"]),
        "event_code": row["event_type"],
        "tenant_uid": row["organization"],
        "original_time": row["occurred_text"],
        "logged_time": _milliseconds(row["known_at"]),
        "log_provider": "JumpCloud Directory Insights",
        "product": {"name": "idtrail", "vendor_name": "idtrail"},
    }


def _target(row: Row, chosen: _Class) -> Object:
    application = {"uid": row["application_id"], "name": row["application_name"]}
    person = _person(row["subject_id"], row["subject_name"], row["subject_email"]) or {"name": "unknown"}
    if chosen is _AUTHENTICATION:
        return {"user": person, "service": _without_empty(application) or {"name": "unknown"}}
    if chosen is _ENTITY_MANAGEMENT:
        kind = "Group" if row["kind"] == "group" else "Application"
        entity = _without_empty({"uid": row["subject_id"], "name": row["subject_name"]}) or {"name": "unknown"}
        return {"entity": {**entity, "type": kind}}
    return {"user": person} if chosen is not _BASE else {}


def _person(uid: str, name: str, address: str) -> Object:
    return _without_empty({"uid": uid, "name": name, "email_addr": address})


def _unmapped(row: Row) -> Object:
    application = _without_empty({"uid": row["application_id"], "name": row["application_name"]})
    found = {name: row[name] for name in _UNMAPPED}
    return _without_empty({"application": application, **found})


def _without_empty(values: Object) -> Object:
    return {name: value for name, value in values.items() if value not in ("", None, [], {}, False)}


def _message(row: Row) -> str:
    where = f" in {row['application_name']}" if row["application_name"] else ""
    who = row["subject_name"] or row["subject_id"]
    return f"{row['event_type'] or 'event'}{f' of {who}' if who else ''}{where}: {row['outcome']}"


def _milliseconds(at: datetime) -> int:
    return int((at - SENTINEL).total_seconds() * 1000)

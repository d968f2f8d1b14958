"""Hours in which nothing is sent to a destination, by the local time of a place. Pure."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

_DAY = timedelta(days=1)


class QuietHours(BaseModel):
    """Quiet every day from `begin` to `end`; past midnight where the end is the earlier one."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    begin: time
    end: time
    zone: ZoneInfo = Field(description="A name of the IANA database, such as `Europe/Vienna`.")

    @field_validator("zone", mode="before")
    @classmethod
    def _known(cls, name: Any) -> ZoneInfo:
        try:
            return ZoneInfo(name)
        except (TypeError, ValueError, OSError, LookupError):
            raise ValueError("is not a time zone: give a name such as Europe/Vienna, or UTC") from None

    @model_validator(mode="after")
    def _some(self) -> Self:
        if self.begin == self.end or self.begin.tzinfo or self.end.tzinfo:
            raise ValueError('`begin` and `end` are two different times of day, such as "22:00" and "06:30"')
        return self

    def over_at(self, at: datetime) -> datetime:
        """Return when something due at `at` may be sent: then, or at the end of the quiet hours that it falls into.

        A clock change within them makes them longer or shorter. An end that the clock shows twice means the second
        time; one that it never shows is as long after midnight as it would be without the change.
        """
        today = at.astimezone(self.zone).date()
        for day in (today - _DAY, today):
            last = day + _DAY if self.end < self.begin else day
            end = max(self._instant(last, self.end, fold) for fold in (0, 1))
            if self._instant(day, self.begin, 0) <= at < end:
                return end
        return at

    def _instant(self, day: date, clock: time, fold: int) -> datetime:
        return datetime.combine(day, clock.replace(fold=fold), tzinfo=self.zone).astimezone(UTC)

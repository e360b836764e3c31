"""Schemas of referrals."""

from __future__ import annotations

from marshmallow import ValidationError, validates_schema
from marshmallow.fields import Boolean, Date, Integer, List, Nested, String
from marshmallow.validate import Length, OneOf, Range, Regexp

from simsvc.domain.accounts.contacts import TEAM_CHARACTERS
from simsvc.values.referrals import REFERRAL_STATES
from simsvc.web.api.common.fields import NO_CONTROL, Paragraphs, Text, Whole
from simsvc.web.api.common.schemas import (
    ID,
    MOST_ROWS,
    PARAGRAPHS,
    USUAL_ROWS,
    NewDecision,
    Strict,
    maybe,
    moment,
    needed,
    one_line,
)

VERSION = {"description": "`version` of the referral that you have seen; null to take any."}


class Comment(Strict):
    """A comment on a referral."""

    by = needed(String, 'Account ID, or "token:<id>" of the API token.')
    text = needed(String, "The comment.")
    created_at = moment("When it was written, UTC.")


class Referral(Strict):
    """A record sent to a person or team."""

    id = needed(String, "ID of the referral.", validate=ID)
    estimate = needed(String, "ID of the estimate.", validate=ID)
    state = needed(String, "open, answered, returned or withdrawn.", validate=OneOf(REFERRAL_STATES))
    sent_by = needed(String, 'Account ID, or "token:<id>" of the API token.')
    assignee = maybe(String, "Account ID of who is to answer; null while it waits in a team's queue.")
    team = maybe(String, "Team whose queue it was sent to.")
    second_opinion = needed(Boolean, "Whether the addressee decides before seeing the decisions of others.")
    due = maybe(String, "Last day to answer, UTC.", metadata={"format": "date"})
    version = needed(Integer, "Increased by every step.")
    created_at = moment("When it was sent, UTC.")
    closed_at = moment("When it was answered, returned or withdrawn, UTC.", null=True)
    comments = needed(List, "Oldest first.", cls_or_instance=Nested(Comment))


class ReferralPage(Strict):
    """A page of referrals, newest first."""

    items = needed(List, "Newest first.", cls_or_instance=Nested(Referral))
    next = maybe(String, "Cursor of the next page; null on the last page.")


class ReferralQuery(Strict):
    """Filters and page of a search."""

    state = String(validate=OneOf(REFERRAL_STATES))
    estimate = String(validate=ID, metadata={"description": "ID of the estimate."})
    limit = Whole(load_default=USUAL_ROWS, validate=Range(1, MOST_ROWS))
    cursor = one_line(400, "`next` of the previous page; keep the other fields unchanged.")


class NewReferral(Strict):
    """A record to send, either to a person or to a team."""

    assignee = String(
        load_default=None, allow_none=True, validate=ID, metadata={"description": "Account ID of a person."}
    )
    team = Text(load_default=None, allow_none=True, validate=[Length(1, TEAM_CHARACTERS), Regexp(NO_CONTROL)])
    due = Date(load_default=None, allow_none=True, metadata={"description": "Last day to answer, UTC."})
    second_opinion = Boolean(
        load_default=False,
        truthy={True},
        falsy={False},
        metadata={"description": "Ask for a second opinion."},
    )
    comment = Paragraphs(load_default="", validate=PARAGRAPHS)
    note = Paragraphs(
        load_default="",
        validate=PARAGRAPHS,
        metadata={"description": "Note of the decision `refer`; not used for a second opinion."},
    )
    after = Integer(
        strict=True,
        load_default=0,
        validate=Range(0, 10**8),
        metadata={"description": "Number of the latest decision you have seen; 0 for none."},
    )

    @validates_schema
    def one_addressee(self, data: dict[str, object], **_: object) -> None:
        """Refuse both addressees at once."""
        if data.get("assignee") and data.get("team"):
            raise ValidationError("Name an assignee or a team, not both.", "team")


class NewComment(Strict):
    """A comment to add."""

    text = Paragraphs(required=True, validate=PARAGRAPHS)


class NewAnswer(NewDecision):
    """A decision that answers a referral."""

    version = Integer(
        strict=True, load_default=None, allow_none=True, validate=Range(1, 10**8), metadata=VERSION
    )


class Return(Strict):
    """Why a referral is returned."""

    comment = Paragraphs(required=True, validate=PARAGRAPHS)
    version = Integer(
        strict=True, load_default=None, allow_none=True, validate=Range(1, 10**8), metadata=VERSION
    )

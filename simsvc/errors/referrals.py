"""Referrals cannot be sent, found or changed."""

from __future__ import annotations

from typing import ClassVar

from simsvc.errors.base import SimsvcError
from simsvc.messages import N_


class ReferralError(SimsvcError):
    """The referral does not allow this."""

    code = "referral_error"


class ReferralRefused(ReferralError):
    """The referral is incomplete, or this person may not take the step."""

    code = "referral_refused"
    templates: ClassVar = {
        "nobody": N_("Choose a person or a team to send the record to, and submit again."),
        "unknown": N_(
            "This person or team can no longer decide. Choose another one from the list and submit again."
        ),
        "yourself": N_("You cannot send a record to yourself. Choose another person or a team."),
        "decided": N_(
            "This person has already decided on the record, so it would be no second opinion. Choose another "
            "person."
        ),
        "due": N_("Enter the due date as year-month-day, today or later, and submit again."),
        "comment": N_("Comments can have at most %(most)s characters. Shorten it and submit again."),
        "no_comment": N_("Write a comment, so that the other person knows why, and submit again."),
        "step": N_("Choose one of the actions on the page."),
        "closed": N_("This referral is closed. Reload the page to see what happened to it."),
        "taken": N_("Someone of the team has already taken this referral. Reload the page to see who."),
        "no_queue": N_("This referral was sent to a person, so there is no queue to put it back into."),
        "not_yours": N_("Only the person or team that a referral was sent to can do this."),
        "not_sender": N_("Only the person who sent a referral, or an administrator, can do this."),
        "not_involved": N_("Only the people involved in a referral can do this."),
    }


class ReferralNotFound(ReferralError):
    """The referral does not exist."""

    code = "referral_not_found"
    template = N_("There is no referral with this ID. See the list of referrals.")


class ReferralExists(ReferralError):
    """The record has already been sent for review."""

    code = "referral_exists"
    template = N_(
        "This record has already been sent for review and waits for an answer. Withdraw or reassign that "
        "referral first."
    )


class ReferralChanged(ReferralError):
    """Someone else changed the referral while the form was open."""

    code = "referral_changed"
    template = N_(
        "Someone else changed this referral while your page was open, so nothing was changed. See what "
        "happened below, and try again if it is still needed."
    )

"""Witnesses of the log."""

from __future__ import annotations

from typing import ClassVar

from simsvc.errors.base import SimsvcError
from simsvc.messages import N_


class WitnessFailed(SimsvcError):
    """A witness did not take a checkpoint, or cannot be asked for the last one."""

    code = "witness_failed"
    templates: ClassVar = {
        "unreachable": "%(witness)s cannot be reached (%(problem)s).",
        "unwritable": "%(witness)s cannot be written (%(problem)s). Correct its folder or permissions.",
        "unreadable": "%(witness)s cannot be read (%(problem)s).",
        "status": "%(witness)s answered with HTTP status %(status)s.",
        "unknown_log": "%(witness)s does not know this log. Give its operator the origin and key of the log.",
        "untrusted": "%(witness)s does not trust the key of this log. Give its operator the current key.",
        "answer": "%(witness)s gave an answer that is not one of a C2SP witness.",
        "bug": "%(witness)s could not be asked or told: see the server's log.",
        "moving": (
            "%(witness)s answers with another size each time. Make sure that no other log has this origin."
        ),
        "credentials": (
            "%(witness)s needs credentials. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and restart."
        ),
    }


class WitnessDisagrees(SimsvcError):
    """The log does not continue what a witness saw."""

    code = "witness_disagrees"
    templates: ClassVar = {
        "ahead": "%(witness)s has seen %(seen)s events, more than the %(size)s of this checkpoint.",
        "inconsistent": "%(witness)s has seen %(seen)s other events than the log has now.",
    }


class WitnessMissing(SimsvcError):
    """The settings require a witness, and none has seen the latest events."""

    code = "witness_missing"
    template = N_(
        "The log has events of %(minutes)s minutes ago that no witness has seen, so no estimates are made. "
        "Tell the operator: /readyz says which witness cannot be reached."
    )


class WitnessUnknown(SimsvcError):
    """Nothing is remembered of a witness with this name."""

    code = "witness_unknown"
    template = "There is no witness %(witness)s. `flask audit witnesses` lists them."


class WitnessLied(SimsvcError):
    """A witness gave an answer that cannot be true."""

    code = "witness_lied"
    templates: ClassVar = {
        "cosignature": (
            "%(witness)s signed something other than the checkpoint of %(size)s events: its signature does "
            "not fit."
        ),
        "forgot": "%(witness)s says it saw %(answered)s events, but it took a checkpoint of %(size)s before.",
        "two_answers": (
            "%(witness)s gave two answers for %(size)s events: root hashes %(first)s and %(second)s."
        ),
        "note": "%(witness)s returned a checkpoint that no known key of this log has signed.",
    }

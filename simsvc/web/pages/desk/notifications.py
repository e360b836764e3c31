"""/notifications: notifications that could not be delivered, for administrators."""

from __future__ import annotations

import logging

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import ngettext

from simsvc.web.http.current import person, services

blueprint = Blueprint("notifications", __name__, url_prefix="/notifications")

MOST_ROWS = 100
"""Failed notifications listed; more have the same cause."""

_log = logging.getLogger(__name__)


@blueprint.get("")
def show() -> ResponseReturnValue:
    """List the notifications that were given up, and say how many wait."""
    settings, book = services().settings, services().notifications
    waiting, failed = book.counts()
    rows = book.failed(MOST_ROWS)
    return render_template(
        "notifications.html",
        rows=rows,
        waiting=waiting,
        failed=failed,
        names=services().users.names([row.recipient for row in rows]),
        has_webhook=bool(settings.webhook_url),
        has_mail=bool(settings.smtp_url),
    )


@blueprint.post("/retry")
def retry() -> ResponseReturnValue:
    """Let every notification that was given up be delivered again."""
    count = services().notifications.try_failed_again(services().now())
    _log.info("user %s let %s notifications be tried again", person().id, count)
    flash(
        ngettext(
            "%(num)s notification will be tried again.", "%(num)s notifications will be tried again.", count
        )
    )
    return redirect(url_for("notifications.show"), 303)

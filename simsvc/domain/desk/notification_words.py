"""Words of notification mails: what happened and where to look, nothing about the applicant."""

from __future__ import annotations

from simsvc.values.notifications import Notification, NotificationKind

SUBJECTS: dict[NotificationKind, str] = {
    "referral.sent": "A record was sent to you for review",
    "referral.answered": "Your referral was answered",
    "referral.returned": "A record that you sent for review came back",
    "referral.overdue": "A referral is overdue",
}
SECOND_OPINION = "You are asked for a second opinion: decide before you see what others decided."
WHY = (
    "You get this mail because an administrator entered your address in simsvc. It contains nothing about "
    "the applicant."
)


def mail_words(notification: Notification, link: str) -> tuple[str, str]:
    """Return subject and text of a mail, with a link to the record."""
    subject, content = SUBJECTS[notification.kind], notification.content
    lines = [f"{subject}:", link]
    if content.get("due"):
        lines.append(f"Due: {content['due']}")
    if content.get("second_opinion") and notification.kind == "referral.sent":
        lines.append(SECOND_OPINION)
    return subject, "\n\n".join((*lines, WHY)) + "\n"

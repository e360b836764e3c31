"""Notifications: channels by the settings, and what delivers them."""

from __future__ import annotations

from simsvc.adapters.ops.address import address_for_links
from simsvc.adapters.sending.mail import Mailer
from simsvc.adapters.sending.webhook import Webhook
from simsvc.domain.desk.notification_words import mail_words
from simsvc.flows.notify import Deliver, Notifier
from simsvc.values.notifications import Channel, Notification
from simsvc.wiring.services import Services


def notifier(services: Services) -> Notifier:
    """Return the service that delivers notifications."""
    settings = services.settings
    channels: dict[Channel, Deliver] = {}
    if settings.webhook_url:
        channels["webhook"] = Webhook(settings.webhook_url, settings.webhook_secret)
    if settings.smtp_url:
        channels["mail"] = Mailer(settings.smtp_url, settings.mail_from, lambda told: _words(services, told))
    return Notifier(services.notifications, services.referrals.note_overdue, channels, services.now)


def _words(services: Services, notification: Notification) -> tuple[str, str]:
    settings = services.settings
    base = address_for_links(settings.public_url, settings.script_name, settings.bind, settings.batch_dir)
    return mail_words(notification, f"{base}/estimates/{notification.content['estimate']}#referral")

"""Mail by SMTP."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Callable
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from urllib.parse import unquote, urlsplit

from simsvc.adapters.sending.network_problem import network_problem
from simsvc.errors import DeliveryFailed
from simsvc.values.notifications import Notification

TIMEOUT_S = 10.0
"""Longest wait for each answer of the server, as for webhooks."""
PORTS = {"smtp": 587, "smtps": 465}
"""Source: RFC 6409, section 3.1 (587, with STARTTLS); RFC 8314, section 3.3 (465, with TLS)."""
Words = Callable[[Notification], tuple[str, str]]
"""Returns subject and text of a notification's mail."""


class Mailer:
    """Sends notifications by one SMTP server.

    Args:
        url: smtp://user:password@host:port, with STARTTLS where the server offers it, or smtps:// for TLS
            from the beginning. A password is never sent without TLS.
        sender: the address that mails come from.
    """

    def __init__(self, url: str, sender: str, words: Words) -> None:
        self._url = urlsplit(url)
        self._sender = sender
        self._words = words

    def __call__(self, notification: Notification, address: str | None) -> None:
        """Send a notification to an address; raises DeliveryFailed."""
        message = self._message(notification, address or "")
        try:
            with self._connected() as server:
                server.send_message(message)
        except smtplib.SMTPRecipientsRefused as error:
            raise DeliveryFailed("recipient", problem=f"the server refused {_codes(error)}") from None
        except (smtplib.SMTPException, OSError) as error:  # ssl errors and timeouts are OSErrors
            raise DeliveryFailed("unreachable", problem=network_problem(error)) from None

    def _connected(self) -> smtplib.SMTP:
        host, port = self._url.hostname or "", self._url.port or PORTS[self._url.scheme]
        context = ssl.create_default_context()
        if self._url.scheme == "smtps":
            server: smtplib.SMTP = smtplib.SMTP_SSL(host, port, timeout=TIMEOUT_S, context=context)
        else:
            server = smtplib.SMTP(host, port, timeout=TIMEOUT_S)
            server.ehlo()
            if server.has_extn("starttls"):
                server.starttls(context=context)
        if self._url.username:
            if not isinstance(server.sock, ssl.SSLSocket):
                server.close()
                raise DeliveryFailed("no_tls")
            server.login(unquote(self._url.username), unquote(self._url.password or ""))
        return server

    def _message(self, notification: Notification, address: str) -> EmailMessage:
        message, (subject, text) = EmailMessage(), self._words(notification)
        message["From"], message["To"], message["Subject"] = self._sender, address, f"simsvc: {subject}"
        message["Date"] = formatdate(usegmt=True)
        message["Message-ID"] = make_msgid(notification.id, self._sender.rpartition("@")[2])
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: asks for no automatic answers
        message.set_content(text)
        return message


def _codes(error: smtplib.SMTPRecipientsRefused) -> str:
    """Return the codes of a refusal; never the address."""
    return ", ".join(sorted({str(code) for code, _ in error.recipients.values()}))

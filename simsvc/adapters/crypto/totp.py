"""Time-based codes through pyotp."""

from __future__ import annotations

import base64

import pyotp

from simsvc.domain.accounts.second_factor import DIGITS, STEP_S

ISSUER = "simsvc"
"""What authenticator apps show beside the account's name."""


class PyotpCodes:
    """TimeCodes port. Source: RFC 6238; Google Authenticator wiki, "Key Uri Format"."""

    def code_at(self, secret: bytes, step: int) -> str:
        """Return the code of a time step."""
        return self._totp(secret).generate_otp(step)

    def uri(self, secret: bytes, name: str) -> str:
        """Return the otpauth: address for a QR code."""
        return self._totp(secret).provisioning_uri(name=name, issuer_name=ISSUER)

    def _totp(self, secret: bytes) -> pyotp.TOTP:
        return pyotp.TOTP(base64.b32encode(secret).decode(), digits=DIGITS, interval=STEP_S)

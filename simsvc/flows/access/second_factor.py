"""The second factor: set up, checked at sign-in, removed."""

from __future__ import annotations

import base64
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from simsvc.domain.accounts.passwords import name_key
from simsvc.domain.accounts.second_factor import (
    RECOVERY_BYTES,
    RECOVERY_CODES,
    SECRET_BYTES,
    STEPS_AROUND,
    code_sha256,
    is_time_code,
    plain_code,
    recovery_code,
    step_of,
)
from simsvc.errors import CodeRefused, PhotoLocked, SecondFactorNeeded
from simsvc.flows.access.accounts import NOWHERE
from simsvc.ports import AccountBook, Cipher, SecondFactorBook, TimeCodes
from simsvc.values import Client, User


@dataclass(frozen=True, slots=True)
class Draft:
    """A secret that is not in use yet.

    Attributes:
        sealed: the secret with the account's ID, encrypted, for the form that confirms it.
        key: the secret as text, to be typed into an app.
        uri: the address in the QR code.
    """

    sealed: str
    key: str
    uri: str


@dataclass(frozen=True, slots=True)
class SecondFactors:
    """Operations on second factors."""

    book: SecondFactorBook
    accounts: AccountBook
    codes: TimeCodes
    cipher: Cipher
    now: Callable[[], datetime]

    def acting(self, actor: str) -> SecondFactors:
        """Return the same operations, logged for this actor, such as "user:<id>"."""
        return replace(self, book=self.book.acting(actor))

    def draft(self, user: User, sealed: str = "") -> Draft:
        """Return a new secret for an account, or the one in `sealed` if it is the account's."""
        secret = self._opened(user, sealed) or secrets.token_bytes(SECRET_BYTES)
        text = base64.b32encode(secret).decode().lower()
        key = " ".join(text[at : at + 4] for at in range(0, len(text), 4))
        token = self.cipher.encrypt(user.id.encode() + secret).decode()
        return Draft(token, key, self.codes.uri(secret, user.name))

    def set_up(self, user: User, sealed: str, typed: str) -> tuple[str, ...]:
        """Put a drafted secret into use, given a code of it, and return new recovery codes.

        Raises CodeRefused if the code does not match, or the draft is not the account's.
        """
        secret = self._opened(user, sealed)
        if secret is None:
            raise CodeRefused("stale")
        step = self._step(secret, plain_code(typed))
        if step is None:
            raise CodeRefused("set_up")
        recovery = _recovery_codes()
        self.book.put(user.id, self.cipher.encrypt(secret), step, _digests(recovery), self.now())
        return recovery

    def renew(self, user: User) -> tuple[str, ...]:
        """Return new recovery codes, which replace older ones; raises SecondFactorNeeded."""
        if user.second_factor_at is None:
            raise SecondFactorNeeded("missing")
        recovery = _recovery_codes()
        self.book.renew(user.id, _digests(recovery))
        return recovery

    def remove(self, user_id: str) -> None:
        """Remove the second factor of an account with its recovery codes."""
        self.book.remove(user_id)

    def sign_in(self, user: User, typed: str, client: Client = NOWHERE) -> None:
        """Complete a sign-in by a code; it counts as a failed attempt first, as a password does.

        Raises CodeRefused if the code is wrong or used up, or the client must wait.
        """
        self.accounts.succeed(user.id, self.now(), client, self._checked(user, typed, client))

    def confirm(self, user: User, typed: str, client: Client = NOWHERE) -> None:
        """Check a code of who is signed in; raises CodeRefused, and counts, as at sign-in."""
        self.accounts.confirm(user.id, self.now(), client, self._checked(user, typed, client))

    def _checked(self, user: User, typed: str, client: Client) -> dict[str, str]:
        """Return by what kind of code somebody proved who they are."""
        tried = self.accounts.attempt(name_key(user.name), self.now(), client)
        plain = plain_code(typed)
        how = "totp" if is_time_code(plain) else "recovery_code"
        if tried is not None and self._uses(user, plain):
            return {"method": "password", "second_factor": how}
        slowed_until = tried.slowed_until if tried else None
        self.accounts.refuse(name_key(user.name), slowed_until, {"second_factor": how})
        raise CodeRefused("wrong")

    def _uses(self, user: User, plain: str) -> bool:
        if not is_time_code(plain):
            return self.book.use_recovery(user.id, code_sha256(plain))
        token = self.book.secret(user.id)
        if token is None:
            return False
        try:
            secret = self.cipher.decrypt(token)
        except PhotoLocked:
            raise CodeRefused("locked") from None
        step = self._step(secret, plain)
        return step is not None and self.book.use_step(user.id, step)

    def _step(self, secret: bytes, plain: str) -> int | None:
        """Return the time step near now that has this code, or None."""
        now = step_of(self.now())
        steps = [now + around for around in STEPS_AROUND]
        right = [step for step in steps if hmac.compare_digest(self.codes.code_at(secret, step), plain)]
        return right[0] if right else None

    def _opened(self, user: User, sealed: str) -> bytes | None:
        try:
            opened = self.cipher.decrypt(sealed.encode())
        except (PhotoLocked, UnicodeEncodeError):
            return None
        owner, secret = opened[: len(user.id)], opened[len(user.id) :]
        return secret if owner == user.id.encode() else None


def _recovery_codes() -> tuple[str, ...]:
    return tuple(recovery_code(secrets.token_bytes(RECOVERY_BYTES)) for _ in range(RECOVERY_CODES))


def _digests(codes: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(code_sha256(plain_code(code)) for code in codes)

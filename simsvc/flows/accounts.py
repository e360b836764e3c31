"""Accounts: who signs in, who is invited, and what ends a session."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from simsvc.domain.accounts.passwords import MOST_CHARACTERS, check_password, checked_name, name_key
from simsvc.errors import LinkSpent, SignInRefused, UserNotFound
from simsvc.ports import AccountBook, Hasher
from simsvc.values import Client, Invitation, Role, User

TOKEN_BYTES = 32
"""256 bits. Source: OWASP Forgot Password Cheat Sheet asks for a long token of a secure generator."""
LINK_LIFETIME = timedelta(hours=24)
"""A link may wait for the next morning. OWASP Forgot Password Cheat Sheet: it must expire; a day is ours."""
FIRST_ADMIN = "admin"
NOWHERE = Client()
"""What attempts count as that come from no browser and no network, as in a program of the operator's."""


def utc_now() -> datetime:
    """Return the time, aware, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Accounts:
    """What is done with accounts.

    Attributes:
        book: keeps them.
        hasher: of their passwords.
        now: the clock.
    """

    book: AccountBook
    hasher: Hasher
    now: Callable[[], datetime] = utc_now

    def acting(self, actor: str) -> Accounts:
        """Return the same, what is done with accounts logged as done by this actor, such as "user:<id>"."""
        return replace(self, book=self.book.acting(actor))

    def sign_in(self, name: str, password: str, client: Client = NOWHERE) -> User:
        """Return the account that name and password open.

        An attempt counts as failed before it is judged, so that parallel ones cannot outrun the waiting time;
        see `domain.accounts.sign_in` for who has to wait. The answer and the work are the same for a wrong
        password, an unknown name, a closed account, and a client that has to wait.
        Source: OWASP Authentication Cheat Sheet.

        Raises:
            SignInRefused: they open none now.
            StoreError: the database cannot be used.
        """
        tried = self.book.attempt(name_key(name), self.now(), client)
        known = tried.password_hash if tried else None
        right = self.hasher.verify(known, password[: MOST_CHARACTERS + 1])
        if tried is not None and right and known is not None:
            fresh = self.hasher.hash(password) if self.hasher.outdated(known) else None
            self.book.succeed(tried.user.id, self.now(), client, fresh)
            return tried.user
        self.book.refuse(name_key(name), tried.slowed_until if tried else None)
        raise SignInRefused()

    def change_password(self, user: User, old: str, new: str, client: Client = NOWHERE) -> User:
        """Replace the password of a person who knows the old one; every session of the account ends.

        Raises:
            SignInRefused: the old one is wrong, which counts as a failed attempt.
            PasswordRefused: the new one is too easy to guess.
        """
        check_password(new, user.name)
        self.sign_in(user.name, old, client)
        return self.book.set_password(user.id, self.hasher.hash(new))

    def add(self, name: str, role: Role) -> Invitation:
        """Add an account and return the link by which its owner sets a password.

        Raises:
            NameRefused: no account can have that name.
            NameTaken: one has it.
        """
        trimmed = checked_name(name)
        return self._invite(self.book.add(trimmed, name_key(trimmed), role, self.now()))

    def reset(self, user_id: str) -> Invitation:
        """Return a new link; the account's password and sessions, and older links, count no more.

        Raises:
            UserNotFound: there is no such account.
        """
        return self._invite(self.find(user_id))

    def first_link(self) -> Invitation | None:
        """Return a new link for the first admin, or None once an admin has a password."""
        admins = [user for user in self.book.all() if user.role == "admin" and not user.disabled]
        if any(user.has_password for user in admins):
            return None
        return self._invite(admins[0]) if admins else self.add(self._free_name(), "admin")

    def invited(self, token: str) -> User:
        """Return whose link this is, without using it up.

        Raises:
            LinkSpent: it is not in force.
        """
        user = self.book.invited(_sha256(token), self.now())
        if user is None:
            raise LinkSpent()
        return user

    def accept(self, token: str, password: str, client: Client = NOWHERE) -> User:
        """Use a link up: set the password and return the account; the client is known from now on.

        Raises:
            LinkSpent: it is not in force.
            PasswordRefused: the password is too easy to guess; the link still counts.
        """
        check_password(password, self.invited(token).name)
        user = self.book.accept(_sha256(token), self.hasher.hash(password), self.now(), client)
        if user is None:
            raise LinkSpent()
        return user

    def find(self, user_id: str) -> User:
        """Return the account of that public id.

        Raises:
            UserNotFound: there is none.
        """
        return _found(self.book.find(user_id))

    def named(self, name: str) -> User:
        """Return the account of that name, whatever its case.

        Raises:
            UserNotFound: there is none.
        """
        return _found(self.book.named(name_key(name)))

    def disable(self, user_id: str) -> User:
        """Close an account, end its sessions and revoke its tokens; what it did stays on record.

        Photos that it sent as a batch are still judged: they were taken in while it was open.

        Raises:
            UserNotFound: there is no such account.
            LastAdmin: nobody could keep the accounts any more.
        """
        return self.book.disable(self.find(user_id).id, self.now())

    def change_role(self, user_id: str, role: Role) -> User:
        """Give an account another role and end its sessions.

        Only administrators make tokens: those of an account that ceases to be one are revoked.

        Raises:
            UserNotFound: there is no such account.
            LastAdmin: nobody could keep the accounts any more.
        """
        return self.book.change_role(self.find(user_id).id, role, self.now())

    def enable(self, user_id: str) -> User:
        """Open an account again and forget failed sign-ins. Its tokens stay revoked: make new ones.

        Raises:
            UserNotFound: there is no such account.
        """
        return self.book.enable(self.find(user_id).id)

    def _invite(self, user: User) -> Invitation:
        token = secrets.token_urlsafe(TOKEN_BYTES)
        expires_at = self.now() + LINK_LIFETIME
        return Invitation(self.book.invite(user.id, _sha256(token), expires_at), token, expires_at)

    def _free_name(self) -> str:
        taken = {name_key(user.name) for user in self.book.all()}
        numbered = (f"{FIRST_ADMIN}-{number}" for number in range(2, len(taken) + 3))
        return next(name for name in (FIRST_ADMIN, *numbered) if name not in taken)


def _sha256(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _found(user: User | None) -> User:
    if user is None:
        raise UserNotFound()
    return user

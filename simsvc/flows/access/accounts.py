"""Accounts: sign-in, invitations and roles."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from simsvc.domain.accounts.contacts import checked_mail, checked_team
from simsvc.domain.accounts.passwords import MOST_CHARACTERS, check_password, checked_name, name_key
from simsvc.errors import LinkSpent, SignInRefused, UserNotFound
from simsvc.ports import AccountBook, Hasher
from simsvc.values import Client, Invitation, Role, User

TOKEN_BYTES = 32
"""256 bits. Source: OWASP Forgot Password Cheat Sheet requires a long token from a secure generator."""
LINK_LIFETIME = timedelta(hours=24)
"""One day, so that a link can wait until the next morning. OWASP Forgot Password Cheat Sheet: an expiry."""
FIRST_ADMIN = "admin"
NOWHERE = Client()
"""Client of attempts without a browser or network, as in scripts."""


def utc_now() -> datetime:
    """Return the time, aware, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Accounts:
    """Operations on accounts."""

    book: AccountBook
    hasher: Hasher
    now: Callable[[], datetime] = utc_now
    codes: bool = True
    """Whether accounts with a second factor are asked for a code."""

    def acting(self, actor: str) -> Accounts:
        """Return the same operations, logged for this actor, such as "user:<id>"."""
        return replace(self, book=self.book.acting(actor))

    def sign_in(self, name: str, password: str, client: Client = NOWHERE) -> User:
        """Return the account for a name and password; if it `needs_code`, it is not signed in yet.

        An attempt counts as failed before the password is checked, so that parallel attempts cannot avoid the
        delay; see `domain.accounts.sign_in`. Response and time are the same for a wrong password, an unknown
        name, a disabled account, and a client that must wait.
        Source: OWASP Authentication Cheat Sheet.

        Raises SignInRefused if they do not match, or the client must wait; StoreError if the database cannot
        be used.
        """
        user = self._with_password(name, password, client)
        if self.needs_code(user):
            self.book.forgive(user.id, self.now(), client)  # only wrong codes count from here on
        else:
            self.book.succeed(user.id, self.now(), client)
        return user

    def confirm(self, user: User, password: str, client: Client = NOWHERE) -> None:
        """Check the password of who is signed in; raises SignInRefused, and counts, as at sign-in."""
        self._with_password(user.name, password, client)
        self.book.confirm(user.id, self.now(), client)

    def needs_code(self, user: User) -> bool:
        """Return whether signing in with a password or link takes a code of the second factor, too."""
        return self.codes and user.second_factor_at is not None

    def change_password(self, user: User, old: str, new: str, client: Client = NOWHERE) -> User:
        """Change a password, given the current one, and end all sessions.

        Raises SignInRefused if the current one is wrong, which counts as a failed attempt; PasswordRefused if
        the new one is too easy to guess.
        """
        check_password(new, user.name)
        self.confirm(user, old, client)
        return self.book.set_password(user.id, self.hasher.hash(new))

    def add(self, name: str, role: Role) -> Invitation:
        """Add an account and return a link to set its password; raises NameRefused, NameTaken."""
        trimmed = checked_name(name)
        return self._invite(self.book.add(trimmed, name_key(trimmed), role, self.now()))

    def reset(self, user_id: str) -> Invitation:
        """Return a new link, and end the password, sessions and older links; raises UserNotFound."""
        return self._invite(self.find(user_id))

    def first_link(self) -> Invitation | None:
        """Return a new link for the first admin, or None if an admin has a password."""
        admins = [user for user in self.book.all() if user.role == "admin" and not user.disabled]
        if any(user.can_sign_in for user in admins):
            return None
        return self._invite(admins[0]) if admins else self.add(self._free_name(), "admin")

    def invited(self, token: str) -> User:
        """Return the account of a link, without using it; raises LinkSpent if it is not valid any more."""
        user = self.book.invited(link_sha256(token), self.now())
        if user is None:
            raise LinkSpent()
        return user

    def accept(self, token: str, password: str, client: Client = NOWHERE) -> User:
        """Use a link to set the password, and return the account; the client becomes known.

        Raises LinkSpent if it is not valid any more; PasswordRefused, without using it, if the
        password is too easy to guess.
        """
        check_password(password, self.invited(token).name)
        user = self.book.accept(link_sha256(token), self.hasher.hash(password), self.now(), client)
        if user is None:
            raise LinkSpent()
        return user

    def find(self, user_id: str) -> User:
        """Return the account with a public ID; raises UserNotFound if the account does not exist."""
        return _found(self.book.find(user_id))

    def named(self, name: str) -> User:
        """Return the account with a name, in any case; raises UserNotFound if the account does not exist."""
        return _found(self.book.named(name_key(name)))

    def disable(self, user_id: str) -> User:
        """Disable an account, end its sessions and revoke its tokens; its records and batches stay.

        Raises UserNotFound if the account does not exist, LastAdmin if no other administrator can sign in.
        """
        return self.book.disable(self.find(user_id).id, self.now())

    def change_role(self, user_id: str, role: Role) -> User:
        """Change an account's role, also in its sessions; one that is no administrator loses its tokens.

        Raises UserNotFound if the account does not exist, LastAdmin if no other administrator can sign in.
        """
        return self.book.change_role(self.find(user_id).id, role, self.now())

    def enable(self, user_id: str) -> User:
        """Enable an account and forget failed sign-ins; its tokens stay revoked; raises UserNotFound."""
        return self.book.enable(self.find(user_id).id)

    def set_contact(self, user_id: str, team: str, mail_address: str) -> User:
        """Change an account's team and mail address, each None if empty.

        Raises UserNotFound if the account does not exist, ContactRefused if one of them is not valid.
        """
        user, checked = self.find(user_id), (checked_team(team), checked_mail(mail_address))
        return self.book.set_contact(user.id, *checked)

    def _with_password(self, name: str, password: str, client: Client) -> User:
        tried = self.book.attempt(name_key(name), self.now(), client)
        known = tried.password_hash if tried else None
        right = self.hasher.verify(known, password[: MOST_CHARACTERS + 1])
        if tried is not None and right and known is not None:
            if self.hasher.outdated(known):
                self.book.rehash(tried.user.id, self.hasher.hash(password))
            return tried.user
        self.book.refuse(name_key(name), tried.slowed_until if tried else None)
        raise SignInRefused()

    def _invite(self, user: User) -> Invitation:
        token = secrets.token_urlsafe(TOKEN_BYTES)
        expires_at = self.now() + LINK_LIFETIME
        return Invitation(self.book.invite(user.id, link_sha256(token), expires_at), token, expires_at)

    def _free_name(self) -> str:
        taken = {name_key(user.name) for user in self.book.all()}
        numbered = (f"{FIRST_ADMIN}-{number}" for number in range(2, len(taken) + 3))
        return next(name for name in (FIRST_ADMIN, *numbered) if name not in taken)


def link_sha256(token: str) -> str:
    """Return the digest by which a one-time link is kept."""
    return hashlib.sha256(token.encode()).hexdigest()


def _found(user: User | None) -> User:
    if user is None:
        raise UserNotFound()
    return user

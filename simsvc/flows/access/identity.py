"""Sign-in with an identity of the OpenID provider."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from simsvc.domain.accounts.identity import Identity, RoleRule, name_in
from simsvc.domain.accounts.passwords import checked_name, name_key
from simsvc.errors import LinkSpent, NameRefused, NameTaken, OidcRefused
from simsvc.flows.access.accounts import NOWHERE, link_sha256
from simsvc.ports import AccountBook, IdentityBook
from simsvc.values import Client, Role, User

BY_OIDC = {"method": "oidc"}
NO_RULE = RoleRule()


@dataclass(frozen=True, slots=True)
class Identities:
    """Which account an identity opens.

    Attributes:
        creates: whether an unknown person gets a new account with the role of their groups.
        rule: with a claim in it, the provider decides roles, at every sign-in.
    """

    book: IdentityBook
    accounts: AccountBook
    now: Callable[[], datetime]
    creates: bool = False
    rule: RoleRule = NO_RULE

    def sign_in(self, identity: Identity, link: str = "", client: Client = NOWHERE) -> User:
        """Return the account of an identity, signed in; a one-time link gives its account the identity first.

        Raises:
            LinkSpent: the link is not valid any more.
            LastAdmin: the provider takes the role from the only administrator who can sign in.
            OidcRefused: there is no such account, it is disabled, or no group gives a role.
        """
        role = self._role(identity)
        user = self._linked(link, identity) if link else self.book.find(identity.issuer, identity.subject)
        if user is None:
            user = self._created(identity, role)
        if user.disabled:
            raise OidcRefused("disabled")
        if role is not None and role != user.role:
            user = self.accounts.acting(f"user:{user.id}").change_role(user.id, role, self.now())
        self.accounts.succeed(user.id, self.now(), client, BY_OIDC)
        return user

    def confirm(self, user: User, identity: Identity, client: Client = NOWHERE) -> None:
        """Note that who is signed in proved it again; raises OidcRefused if it is the identity of another."""
        found = self.book.find(identity.issuer, identity.subject)
        if found is None or found.id != user.id:
            raise OidcRefused("other")
        self.accounts.confirm(user.id, self.now(), client, BY_OIDC)

    def _role(self, identity: Identity) -> Role | None:
        """Return the role that the provider gives, or None where it gives none to anybody."""
        if not self.rule.claim:
            return None
        role = self.rule.role_of(identity.claims)
        if role is None:
            raise OidcRefused("role")
        return role

    def _linked(self, link: str, identity: Identity) -> User:
        user = self.book.link(link_sha256(link), identity.issuer, identity.subject, self.now())
        if user is None:
            raise LinkSpent()
        return user

    def _created(self, identity: Identity, role: Role | None) -> User:
        if not self.creates or role is None:
            raise OidcRefused("unknown")
        try:
            name = checked_name(name_in(identity.claims))
            return self.book.add(name, name_key(name), role, identity.issuer, identity.subject, self.now())
        except (NameRefused, NameTaken):
            raise OidcRefused("name") from None

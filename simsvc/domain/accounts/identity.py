"""What the claims of an OpenID provider say of a person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from simsvc.domain.accounts.passwords import NAME_CHARACTERS
from simsvc.values import ROLES, Role

NAME_CLAIMS = ("name", "preferred_username", "email")
"""Claims that name a new account, the first that is there. Source: OpenID Connect Core 1.0, section 5.1."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who signed in at the provider: the issuer and its ID for the person never change; see `claims`."""

    issuer: str
    subject: str
    claims: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RoleRule:
    """Which claim holds a person's groups, and the role of each group; an empty claim gives no roles."""

    claim: str = ""
    roles: Mapping[str, Role] | None = None

    def role_of(self, claims: Mapping[str, Any]) -> Role | None:
        """Return the most powerful role that the claims give, or None."""
        words = groups_in(claims, self.claim)
        known = self.roles or {role: role for role in ROLES}
        given = {known[word] for word in words if word in known}
        return max(given, key=lambda role: (role == "admin", role != "auditor"), default=None)


def groups_in(claims: Mapping[str, Any], claim: str) -> tuple[str, ...]:
    """Return the texts of a claim, one or a list; dots lead into objects, as in `realm_access.roles`."""
    found: Any = claims
    for part in claim.split(".") if claim not in claims else (claim,):
        found = found.get(part) if isinstance(found, Mapping) else None
    if isinstance(found, str):
        return (found,)
    return tuple(one for one in found if isinstance(one, str)) if isinstance(found, list) else ()


def name_in(claims: Mapping[str, Any]) -> str:
    """Return the name for a new account, or "" if no claim has one."""
    texts = (claims.get(name) for name in NAME_CLAIMS)
    return next(
        (text.strip()[:NAME_CHARACTERS] for text in texts if isinstance(text, str) and text.strip()), ""
    )

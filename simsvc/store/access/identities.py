"""Identities of the OpenID provider in the database."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from simsvc.domain.audit.state import contact_facts
from simsvc.errors import NameTaken, OidcRefused, StoreError
from simsvc.store.access.accounts import account_event, in_force, user_of
from simsvc.store.audit_append import append
from simsvc.store.database import Store
from simsvc.store.tables import UserRow
from simsvc.values import Role, User


class IdentityStore(Store):
    """IdentityBook port; see there what each method does."""

    def find(self, issuer: str, subject: str) -> User | None:
        """Return the account of an identity."""
        mine = (UserRow.oidc_issuer == issuer) & (UserRow.oidc_subject == subject)
        with self._database.reading() as session:
            row = session.scalar(select(UserRow).where(mine))
            return user_of(row) if row else None

    def link(self, link_sha256: str, issuer: str, subject: str, now: datetime) -> User | None:
        """Use up a one-time link and give its account the identity; None where the link is not in force.

        Raises OidcRefused("taken") where another account has the identity.
        """
        fresh: dict[str, Any] = {"oidc_issuer": issuer, "oidc_subject": subject, "epoch": UserRow.epoch + 1}
        fresh |= {"link_sha256": None, "link_expires_at": None}
        linked = update(UserRow).where(in_force(link_sha256, now)).values(**fresh).returning(UserRow)
        try:
            with self._database.transaction() as session:
                row = session.scalar(linked)
                if row is None:
                    return None
                append(session, account_event(row, f"user:{row.public_id}", change="linked"))
                return user_of(row)
        except StoreError as error:
            if isinstance(error.__cause__, IntegrityError):
                raise OidcRefused("taken") from None
            raise

    def add(self, name: str, name_key: str, role: Role, issuer: str, subject: str, now: datetime) -> User:
        """Add an account with an identity; raises NameTaken."""
        row = UserRow(
            public_id=uuid.uuid4().hex,
            name=name,
            name_key=name_key,
            role=role,
            created_at=now,
            epoch=0,
            oidc_issuer=issuer,
            oidc_subject=subject,
        )
        try:
            with self._database.transaction() as session:
                session.add(row)
                said = {"change": "added", "role": role, "by": "oidc", **contact_facts(None, None)}
                append(session, account_event(row, f"user:{row.public_id}", **said))
        except StoreError as error:
            if isinstance(error.__cause__, IntegrityError):
                raise NameTaken() from None
            raise
        return user_of(row)

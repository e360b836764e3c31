"""Sessions, second factors and identities, on both databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from simsvc.errors import LastAdmin, NameTaken, OidcRefused, UserNotFound
from simsvc.store.access.accounts import AccountStore
from simsvc.store.access.identities import IdentityStore
from simsvc.store.access.second_factors import SecondFactorStore
from simsvc.store.access.sessions import NewSession, SessionStore
from simsvc.store.database import Database
from simsvc.values import User

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ISSUER = "https://id.example"


@pytest.fixture
def accounts(database: Database) -> AccountStore:
    return AccountStore(database)


@pytest.fixture
def anna(accounts: AccountStore) -> User:
    user = accounts.add("Anna", "anna", "admin", NOW)
    return accounts.set_password(user.id, "hash of a password")


@pytest.fixture
def sessions(database: Database) -> SessionStore:
    return SessionStore(database, timedelta(hours=12), timedelta(minutes=30))


def begun(sessions: SessionStore, user: User, name: str, now: datetime = NOW) -> None:
    sessions.begin(NewSession(name * 64, user, "password", "Firefox", "Linux", "192.0.2.0/24"), now)


def test_a_session_lasts_while_it_is_used_and_its_epoch_is_the_accounts(
    sessions: SessionStore, accounts: AccountStore, anna: User
) -> None:
    """It is found until it is idle, too old, or the account's sessions have ended; then it is swept."""
    begun(sessions, anna, "a")
    found = sessions.find("a" * 64, NOW + timedelta(minutes=29))
    assert found
    assert (found.user.id, found.browser, found.created_at) == (anna.id, "Firefox", NOW)
    assert sessions.find("a" * 64, NOW + timedelta(minutes=30)) is None
    sessions.seen(found.number, NOW + timedelta(minutes=29))
    assert sessions.find("a" * 64, NOW + timedelta(minutes=45))
    accounts.end_sessions(anna.id)
    assert sessions.find("a" * 64, NOW + timedelta(minutes=45)) is None
    begun(sessions, accounts.acting("x").find(anna.id) or anna, "b", NOW + timedelta(minutes=45))
    assert [one.number > found.number for one in sessions.of(anna.id, NOW + timedelta(minutes=45))] == [True]


def test_sessions_are_ended_by_number_of_their_own_account_only(
    sessions: SessionStore, accounts: AccountStore, anna: User
) -> None:
    """The numbers of another account's sessions end nothing."""
    other = accounts.add("Other", "other", "auditor", NOW)
    begun(sessions, anna, "a")
    begun(sessions, other, "b")
    number = sessions.of(anna.id, NOW)[0].number
    assert sessions.end(other.id, f"user:{other.id}", [number]) == 0
    assert sessions.end(anna.id, f"user:{anna.id}", [number, number + 99]) == 1
    assert sessions.of(anna.id, NOW) == ()


def test_nobody_has_no_session(sessions: SessionStore, anna: User) -> None:
    """An account that is not there is a typed error."""
    with pytest.raises(UserNotFound):
        begun(sessions, User("0" * 32, "nobody", "auditor", anna.created_at), "a")


def test_of_many_that_use_a_code_at_once_one_wins(database: Database, anna: User) -> None:
    """Eight at the same time: one time step and one recovery code count once each."""
    factors = SecondFactorStore(database)
    factors.put(anna.id, b"encrypted", 100, ["c" * 64, "d" * 64], NOW)
    with ThreadPoolExecutor(8) as pool:
        steps = list(pool.map(lambda _: factors.use_step(anna.id, 101), range(8)))
        codes = list(pool.map(lambda _: factors.use_recovery(anna.id, "c" * 64), range(8)))
    assert (steps.count(True), codes.count(True)) == (1, 1)
    assert not factors.use_step(anna.id, 100)
    assert factors.recovery_left(anna.id) == 1
    factors.remove(anna.id)
    assert (factors.secret(anna.id), factors.recovery_left(anna.id)) == (None, 0)


def test_an_identity_belongs_to_one_account(database: Database, accounts: AccountStore, anna: User) -> None:
    """A link gives it once; a second account cannot have it; its owner counts as one who can sign in."""
    identities = IdentityStore(database)
    boss = accounts.add("Boss", "boss", "admin", NOW)
    for user, link in ((boss, "1" * 64), (accounts.add("C", "c", "auditor", NOW), "2" * 64)):
        accounts.invite(user.id, link, NOW + timedelta(hours=1))
    linked = identities.link("1" * 64, ISSUER, "person", NOW)
    assert linked
    assert (linked.id, linked.linked, linked.can_sign_in) == (boss.id, True, True)
    assert identities.link("1" * 64, ISSUER, "another", NOW) is None
    with pytest.raises(OidcRefused):
        identities.link("2" * 64, ISSUER, "person", NOW)
    with pytest.raises(NameTaken):
        identities.add("ANNA", "anna", "admin", ISSUER, "third", NOW)
    accounts.disable(anna.id, NOW)
    with pytest.raises(LastAdmin):
        accounts.disable(boss.id, NOW)

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from sqlalchemy import select

from simsvc.errors import (
    LastAdmin,
    LinkSpent,
    NameTaken,
    PasswordRefused,
    SignInRefused,
    SimsvcError,
    UserNotFound,
)
from simsvc.flows.access.accounts import LINK_LIFETIME, NOWHERE, Accounts
from simsvc.store.access.accounts import AccountStore
from simsvc.store.database import Database
from simsvc.store.tables import SignInClientRow, UserRow
from simsvc.values import Client, Role, User
from tests.databases import sqlite_database

GOOD, OTHER = "seven grey herons wade", "nine brown otters dive"
THERE = Client("there", "")


class QuickHasher:
    """The Hasher port with real argon2 hashes that cost next to nothing; counts how often it verified."""

    def __init__(self) -> None:
        self._argon2 = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
        self.verified = 0

    def hash(self, password: str) -> str:
        """Return a hash."""
        return self._argon2.hash(password)

    def verify(self, password_hash: str | None, password: str) -> bool:
        """Say whether it matches."""
        self.verified += 1
        try:
            return password_hash is not None and self._argon2.verify(password_hash, password)
        except Exception:
            return False

    def outdated(self, password_hash: str) -> bool:
        """Never."""
        del password_hash
        return False


class Clock:
    def __init__(self) -> None:
        self.time = datetime(2026, 3, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        """Return the time that the test has set."""
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(sqlite_database(tmp_path / "store.sqlite3"))
    yield database
    database.close()


@pytest.fixture
def accounts(database: Database, clock: Clock) -> Accounts:
    return Accounts(AccountStore(database), QuickHasher(), clock)


def opened(accounts: Accounts, name: str = "Anna", role: Role = "underwriter") -> User:
    return accounts.accept(accounts.add(name, role).token, GOOD)


def refused(accounts: Accounts, name: str, password: str, client: Client = NOWHERE) -> str:
    with pytest.raises(SignInRefused) as caught:
        accounts.sign_in(name, password, client)
    return caught.value.sentence


def test_a_link_sets_a_password_that_signs_in(accounts: Accounts) -> None:
    """The invited account has no password before, and opens with the one it set, whatever the name's case."""
    invitation = accounts.add("Anna", "auditor")
    assert not invitation.user.has_password
    accounts.accept(invitation.token, GOOD)
    assert accounts.sign_in("ANNA", GOOD).role == "auditor"
    assert accounts.named("anna").last_sign_in_at is not None


def test_a_link_works_once(accounts: Accounts) -> None:
    """The second use is refused and changes nothing; looking at it uses nothing up."""
    token = accounts.add("Anna", "underwriter").token
    assert accounts.invited(token).name == accounts.invited(token).name == "Anna"
    accounts.accept(token, GOOD)
    with pytest.raises(LinkSpent):
        accounts.accept(token, OTHER)
    assert accounts.sign_in("Anna", GOOD)


def test_of_many_that_race_for_a_link_one_wins(accounts: Accounts) -> None:
    """Eight at once: one password counts, seven are told that the link is spent."""
    token = accounts.add("Anna", "underwriter").token

    def take(number: int) -> str | None:
        password = f"{GOOD} {number}"
        try:
            accounts.accept(token, password)
        except LinkSpent:
            return None
        return password

    with ThreadPoolExecutor(8) as pool:
        won = [password for password in pool.map(take, range(8)) if password]
    assert len(won) == 1
    assert accounts.sign_in("Anna", won[0])


def test_a_link_expires(accounts: Accounts, clock: Clock) -> None:
    """A second before its end it counts, then it does not."""
    token = accounts.add("Anna", "underwriter").token
    clock.time += LINK_LIFETIME - timedelta(seconds=1)
    accounts.invited(token)
    clock.time += timedelta(seconds=1)
    with pytest.raises(LinkSpent, match="administrator"):
        accounts.accept(token, GOOD)


def test_a_weak_password_does_not_use_the_link_up(accounts: Accounts) -> None:
    """After a refused password the link still counts."""
    token = accounts.add("Anna", "underwriter").token
    with pytest.raises(PasswordRefused):
        accounts.accept(token, "short")
    assert accounts.accept(token, GOOD).has_password


def test_only_the_hash_of_a_token_is_kept(accounts: Accounts, database: Database) -> None:
    """Neither token nor password stand anywhere in the row."""
    token = accounts.add("Anna", "underwriter").token
    with database.transaction() as session:
        before = str(vars(session.scalars(select(UserRow)).one()))
    accounts.accept(token, GOOD)
    with database.transaction() as session:
        after = str(vars(session.scalars(select(UserRow)).one()))
    assert len(token) >= 43  # 256 bits in base64
    assert token not in before
    assert GOOD not in after


def test_names_are_unique_whatever_their_case(accounts: Accounts) -> None:
    """A second Anna is refused."""
    accounts.add("Anna", "underwriter")
    with pytest.raises(NameTaken):
        accounts.add(" aNNA", "admin")


def test_a_reset_ends_password_sessions_and_older_links(accounts: Accounts) -> None:
    """After a reset only the newest link counts, and the epoch of the sessions has passed."""
    anna = opened(accounts)
    first, second = accounts.reset(anna.id), accounts.reset(anna.id)
    refused(accounts, "Anna", GOOD)
    assert accounts.find(anna.id).epoch > anna.epoch
    with pytest.raises(LinkSpent):
        accounts.invited(first.token)
    accounts.accept(second.token, OTHER)
    assert accounts.sign_in("Anna", OTHER)


def test_five_failures_slow_a_client_for_a_minute_and_the_next_for_two(
    accounts: Accounts, clock: Clock
) -> None:
    """A slowed client is refused with the right password too; success starts its count anew."""
    opened(accounts)
    for _ in range(5):
        refused(accounts, "Anna", OTHER, THERE)
    refused(accounts, "Anna", GOOD, THERE)
    clock.time += timedelta(seconds=61)
    refused(accounts, "Anna", OTHER, THERE)
    clock.time += timedelta(seconds=61)
    refused(accounts, "Anna", GOOD, THERE)
    clock.time += timedelta(seconds=61)
    assert accounts.sign_in("Anna", GOOD, THERE)
    for _ in range(4):
        refused(accounts, "Anna", OTHER, THERE)
    assert accounts.sign_in("Anna", GOOD, THERE)


def test_parallel_guesses_do_not_outrun_the_wait(accounts: Accounts) -> None:
    """While the fifth guess is still being judged, the client has to wait already."""
    slowed = []

    class Watching(QuickHasher):
        def verify(self, password_hash: str | None, password: str) -> bool:
            """Note whether a guess that came now would be refused."""
            slowed.append(accounts.book.attempt("anna", accounts.now(), THERE) is None)
            return super().verify(password_hash, password)

    opened(accounts)
    watched = replace(accounts, hasher=Watching())
    for _ in range(3):  # each counts twice: once by itself, once by the guess that came meanwhile
        refused(watched, "Anna", OTHER, THERE)
    assert slowed == [False, False, True]


def test_many_that_guess_at_once_are_counted_one_by_one(database_url: str, clock: Clock) -> None:
    """Of twenty parallel guesses of one client, on either database, five are judged."""
    database = Database(database_url)
    accounts = Accounts(AccountStore(database), QuickHasher(), clock)
    opened(accounts)
    with ThreadPoolExecutor(8) as pool:
        tried = list(pool.map(lambda _: accounts.book.attempt("anna", clock(), THERE), range(20)))
    database.close()
    assert sum(credentials is not None for credentials in tried) == 5


@pytest.mark.proof
def test_guesses_from_elsewhere_do_not_hold_the_owner_up(accounts: Accounts, clock: Clock) -> None:
    """Hammered from thirty networks for a day, the account opens by known browser, known and new network."""
    home, browser = Client("home", "a"), Client("cafe", "a")
    accounts.accept(accounts.add("Anna", "underwriter").token, GOOD, home)
    for hour in range(24):
        for network in range(30):
            for _ in range(10):
                refused(accounts, "Anna", OTHER, Client(f"n{network}", f"d{hour}"))
        assert accounts.sign_in("Anna", GOOD, browser)
        assert accounts.sign_in("Anna", GOOD, Client("home", "another"))
        assert accounts.sign_in("Anna", GOOD, Client(f"hotel {hour}", "yet another"))
        clock.time += timedelta(hours=1)


@pytest.mark.parametrize(
    "networks",
    [pytest.param(1, marks=pytest.mark.proof), 10, pytest.param(1_000, marks=pytest.mark.proof)],
)
def test_judged_guesses_of_an_hour_are_bounded(accounts: Accounts, clock: Clock, networks: int) -> None:
    """However many networks guess, at most 100 guesses at one account are judged in any hour."""
    opened(accounts)
    judged: list[int] = []
    for minute in range(180):
        for attempt in range(20):
            network = Client(f"n{(minute * 20 + attempt) % networks}", "")
            if accounts.book.attempt("anna", clock(), network) is not None:
                judged.append(minute)
        clock.time += timedelta(minutes=1)
    for start in range(120):
        assert sum(start <= minute < start + 60 for minute in judged) <= 100
    assert judged[-1] > 120, "none is kept out for good"


def test_a_browser_that_guesses_is_slowed_like_any_other(accounts: Accounts, clock: Clock) -> None:
    """The cookie of a browser that signed in before is worth eleven guesses in the first hour, not more."""
    browser = Client("home", "a")
    accounts.accept(accounts.add("Anna", "underwriter").token, GOOD, browser)
    judged = 0
    for _ in range(60):
        judged += sum(accounts.book.attempt("anna", clock(), browser) is not None for _ in range(9))
        clock.time += timedelta(minutes=1)
    assert judged == 11


def test_failures_are_forgotten_with_time(accounts: Accounts, clock: Clock, database: Database) -> None:
    """After some hours a client has all its attempts again, and nothing of it is kept."""
    opened(accounts)
    for _ in range(5):
        refused(accounts, "Anna", OTHER, THERE)
    clock.time += timedelta(hours=6)
    for _ in range(4):
        refused(accounts, "Anna", OTHER, THERE)
    assert accounts.sign_in("Anna", GOOD, THERE)
    clock.time += timedelta(days=91)
    refused(accounts, "Anna", OTHER, Client("new", ""))
    with database.reading() as session:
        kept = set(session.scalars(select(SignInClientRow.client)))
    assert kept == {"network:new", "unknown"}


def test_a_new_link_ends_every_wait(accounts: Accounts) -> None:
    """Whoever was slowed, the link of an administrator leads in, and the right password after it."""
    anna = opened(accounts)
    for network in range(100):
        refused(accounts, "Anna", OTHER, Client(f"n{network}", ""))
    refused(accounts, "Anna", GOOD, Client("last", ""))
    accounts.accept(accounts.reset(anna.id).token, OTHER, Client("last", ""))
    assert accounts.sign_in("Anna", OTHER, Client("last", ""))


def test_every_refusal_is_alike(accounts: Accounts) -> None:
    """Unknown, wrong, closed, invited and locked: one sentence, and one verification each."""
    anna = opened(accounts)
    opened(accounts, "Closed")
    accounts.disable(accounts.named("Closed").id)
    accounts.add("Invited", "underwriter")
    hasher = accounts.hasher
    assert isinstance(hasher, QuickHasher)
    before = hasher.verified
    tries = [("Nobody", GOOD), ("Anna", OTHER), ("Closed", GOOD), ("Invited", GOOD), ("Invited", "")]
    sentences = {refused(accounts, name, password) for name, password in tries}
    for _ in range(5):
        refused(accounts, anna.name, OTHER)
    sentences.add(refused(accounts, anna.name, GOOD))
    assert len(sentences) == 1
    assert hasher.verified - before == len(tries) + 6


def test_a_password_is_changed_by_who_knows_the_old_one(accounts: Accounts) -> None:
    """The old one counts no more and the sessions have ended; a wrong old one changes nothing."""
    anna = opened(accounts)
    with pytest.raises(SignInRefused):
        accounts.change_password(anna, OTHER, "ten white storks clap")
    changed = accounts.change_password(anna, GOOD, OTHER)
    assert changed.epoch > anna.epoch
    refused(accounts, "Anna", GOOD)
    assert accounts.sign_in("Anna", OTHER)


def test_the_last_admin_stays(accounts: Accounts) -> None:
    """The only admin with a password cannot be disabled; with a second one she can."""
    first = opened(accounts, "First", "admin")
    accounts.add("Second", "admin")
    with pytest.raises(LastAdmin):
        accounts.disable(first.id)
    assert not accounts.find(first.id).disabled
    accounts.accept(accounts.reset(accounts.named("Second").id).token, GOOD)
    assert accounts.disable(first.id).disabled


def test_the_first_link_is_there_until_an_admin_has_a_password(accounts: Accounts) -> None:
    """Each call replaces the link of the one first admin; after its use there is none."""
    first, second = accounts.first_link(), accounts.first_link()
    assert first
    assert second
    assert first.user.id == second.user.id
    with pytest.raises(LinkSpent):
        accounts.invited(first.token)
    assert accounts.accept(second.token, GOOD).role == "admin"
    assert accounts.first_link() is None


def test_the_first_link_finds_a_free_name(accounts: Accounts) -> None:
    """An underwriter who is named admin does not become one."""
    opened(accounts, "Admin", "underwriter")
    link = accounts.first_link()
    assert link
    assert (link.user.name, link.user.role) == ("admin-2", "admin")


@pytest.mark.parametrize("method", ["find", "named", "reset", "disable", "enable"])
def test_an_unknown_account_is_a_sentence(accounts: Accounts, method: str) -> None:
    """Nothing is done to an account that is not there."""
    with pytest.raises(UserNotFound, match="This account does not exist"):
        getattr(accounts, method)("0" * 32)


def test_a_role_can_be_taken_away_but_the_last_admin_keeps_hers(accounts: Accounts) -> None:
    """Sessions go on, with the new role; the only admin who can sign in stays one."""
    first = opened(accounts, "First", "admin")
    with pytest.raises(LastAdmin):
        accounts.change_role(first.id, "auditor")
    opened(accounts, "Second", "admin")
    changed = accounts.change_role(first.id, "auditor")
    assert (changed.role, changed.epoch) == ("auditor", first.epoch)
    assert accounts.change_role(first.id, "admin").role == "admin"


def test_a_closed_account_has_no_link(accounts: Accounts) -> None:
    """The link of an account that was closed before it was used opens nothing."""
    invitation = accounts.add("Anna", "underwriter")
    accounts.disable(invitation.user.id)
    with pytest.raises(SimsvcError):
        accounts.accept(invitation.token, GOOD)

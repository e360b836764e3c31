from __future__ import annotations

import re
from pathlib import Path

import pytest
from flask import Flask

from simsvc.flows.access.accounts import Accounts
from simsvc.settings import load_settings
from tests.databases import sqlite_database
from tests.simsvc.cli.helpers import Run, command_app, runner

GOOD = "seven grey herons wade"


@pytest.fixture
def app(tmp_path: Path) -> Flask:
    url = sqlite_database(tmp_path / "simsvc.sqlite3")
    settings = load_settings({}).model_copy(
        update={"database_url": url, "secret_key_file": tmp_path / "secret-key"}
    )
    return command_app(settings)


@pytest.fixture
def accounts(app: Flask) -> Accounts:
    found: Accounts = app.extensions["simsvc"].accounts
    return found


@pytest.fixture
def user(app: Flask) -> Run:
    return runner(app, "user")


def token_in(output: str) -> str:
    found = re.search(r"/welcome/([\w-]{43})$", output.strip())
    assert found
    return found[1]


def test_a_new_account_gets_a_link(user: Run, accounts: Accounts) -> None:
    """The printed link sets a password; its address is the public one or the one given."""
    output = user("add", "Anna", "--role", "underwriter", "--url", "https://desk.example/")
    assert "https://desk.example/welcome/" in output
    assert accounts.accept(token_in(output), GOOD).name == "Anna"
    assert "http://127.0.0.1:8000/welcome/" in user("add", "Bo", "--role", "auditor")


def test_the_list_tells_name_role_and_state(user: Run, accounts: Accounts) -> None:
    """Invited, active and disabled accounts are told apart."""
    user("add", "Anna", "--role", "underwriter")
    accounts.accept(token_in(user("add", "Bo", "--role", "auditor")), GOOD)
    user("add", "Cy", "--role", "underwriter")
    user("disable", "cy")
    lines = user("list").splitlines()
    assert lines[0] == "Anna  underwriter  invited  never signed in"
    assert lines[1].startswith("Bo  auditor  active  20")
    assert lines[2] == "Cy  underwriter  disabled  never signed in"


def test_disable_enable_and_reset(user: Run, accounts: Accounts) -> None:
    """Each does what it says; after a reset the old password counts no more."""
    accounts.accept(token_in(user("add", "Anna", "--role", "underwriter")), GOOD)
    assert "can no longer sign in" in user("disable", "Anna")
    assert "can sign in again." in user("enable", "Anna")
    assert accounts.sign_in("Anna", GOOD)
    assert accounts.invited(token_in(user("reset", "Anna")))
    assert not accounts.named("Anna").has_password


def test_the_first_link_is_printed_until_it_was_used(user: Run, accounts: Accounts) -> None:
    """Twice a link, of which the later counts; then silence."""
    user("first-link")
    accounts.accept(token_in(user("first-link")), GOOD)
    assert user("first-link") == ""


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["disable", "nobody"], "This account does not exist"),
        (["reset", "nobody"], "This account does not exist"),
        (["add", "", "--role", "admin"], "Names must have 1 to 64 visible characters"),
    ],
)
def test_bad_input_is_a_sentence(user: Run, words: list[str], says: str) -> None:
    """Every refusal is one sentence and exit status 1."""
    assert says in user(*words, exit_code=1)


def test_no_command_takes_a_password(app: Flask) -> None:
    """No argument or option of `flask user` is a password: command lines are seen by others."""
    group = app.cli.commands["user"]
    names = {parameter.name for command in group.commands.values() for parameter in command.params}  # type: ignore[attr-defined]  # click's group
    assert names <= {"name", "role", "url", "help"}


def test_a_role_is_changed(user: Run, accounts: Accounts) -> None:
    """The account has the new role at once; the only admin who can sign in cannot give hers up."""
    accounts.accept(token_in(user("add", "Anna", "--role", "admin")), GOOD)
    assert "only administrator" in user("role", "Anna", "auditor", exit_code=1)
    accounts.accept(token_in(user("add", "Bo", "--role", "admin")), GOOD)
    assert "Anna now has the role auditor" in user("role", "anna", "auditor")
    assert accounts.named("Anna").role == "auditor"

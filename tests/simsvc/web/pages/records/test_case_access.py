"""Whose cases: role and relation to a record, by every route that shows it."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from secrets import token_hex

import pytest
from flask import Flask
from flask.testing import FlaskClient

from simsvc.settings import Settings
from simsvc.values import Role, User
from simsvc.values.referrals import Addressee, ReferralDraft
from simsvc.web.app import create_app
from simsvc.wiring.services import Services
from tests.simsvc.web.helpers import sent
from tests.simsvc.web.programs import bearer, program
from tests.simsvc.web.records import recorded
from tests.simsvc.web.signed_in import account, client_of
from tests.small_site import drawn_photo

V1 = "/api/v1"
PAGES = (
    "/estimates/{id}",
    "/estimates/{id}/faces/1",
    "/estimates/{id}/crop.png",
    "/estimates/{id}/thumbnail.jpg",
    "/estimates/{id}/record.pdf",
    "/cases/{case}",
    "/compare/cases/{case}",
    "/reports/cases/{case}",
)
LISTS = ("/history?case={case}", "/history/export.csv?case={case}")
RELATIONS = ("own", "assigned", "team", "case", "other")
"""Requested by her, sent to her, sent to her team, of the case of her own record; none of these."""


@dataclass(frozen=True)
class Desk:
    """People and a record of each relation to the reader."""

    app: Flask
    reader: User
    records: dict[str, tuple[str, str]]


def account_in(app: Flask, role: Role, name: str, team: str | None) -> User:
    services: Services = app.extensions["simsvc"]
    return services.users.set_contact(account(app, role, name).id, team, None)


def desk_of(app: Flask, role: Role, number: int) -> Desk:
    """Make a reader of a role, and records of a teammate, one of each relation to her."""
    services: Services = app.extensions["simsvc"]
    reader = account_in(app, role, f"reader {role} {number}", f"life {number}")
    mate = account_in(app, "underwriter", f"mate {role} {number}", f"life {number}")
    cases = {relation: f"{role}-{number}-{relation}" for relation in RELATIONS}
    owner = {"own": reader} if role != "auditor" else {}
    records = {
        relation: (recorded(app, owner.get(relation, mate), case), case) for relation, case in cases.items()
    }
    if role != "auditor":
        services.referrals.add(
            records["assigned"][0], ReferralDraft(Addressee(reader.id)), mate.id, services.now()
        )
        recorded(app, reader, cases["case"])
    to_team = ReferralDraft(Addressee(team=f"life {number}"))
    services.referrals.add(records["team"][0], to_team, mate.id, services.now())
    return Desk(app, reader, records)


def answer_of(client: FlaskClient, path: str) -> tuple[int, str]:
    """Return status and text of an answer, and close it: a download that is left open keeps its turn."""
    with client.get(path) as response:
        is_text = response.mimetype.startswith("text/")
        return response.status_code, response.text if is_text else ""


def statuses(client: FlaskClient, record: tuple[str, str]) -> set[int]:
    return {answer_of(client, page.format(id=record[0], case=record[1]))[0] for page in PAGES}


def listed(client: FlaskClient, record: tuple[str, str]) -> set[bool]:
    answers = (answer_of(client, page.format(id=record[0], case=record[1])) for page in LISTS)
    return {record[0] in text for _, text in answers}


def test_the_same_photo_of_somebody_else_is_not_told(app: Flask) -> None:
    """Neither the record nor its case names an upload in a case that the reader does not see."""
    owner, other = (account(app, "underwriter", f"same photo {name}") for name in ("owner", "other"))
    photo = token_hex(32)
    theirs = recorded(app, other, "same photo of others", photo)
    mine = recorded(app, owner, "same photo of mine", photo)
    for client, shown in ((client_of(app, owner), False), (client_of(app, account(app, "auditor")), True)):
        for page in (f"/estimates/{mine}", "/cases/same photo of mine"):
            html = client.get(page).text
            assert (theirs in html, "same photo of others" in html) == (shown, shown)


def test_the_code_of_a_report_shows_no_record_that_is_not_seen(app: Flask) -> None:
    """The log has the event, and the facts of the record stay with those who see it."""
    owner, other = (account(app, "underwriter", f"code {name}") for name in ("owner", "other"))
    record = recorded(app, owner, "case of a code")
    code = re.search(r"<code>([^<]+)</code>", client_of(app, owner).get("/cases/case of a code").text)
    assert code
    for reader, seen in ((owner, True), (other, False)):
        html = client_of(app, reader).get(f"/verify?code={code[1]}").text
        assert "The log has exactly this record" in html
        assert (record in html, "case of a code" in html) == (seen, seen)


@pytest.mark.parametrize(
    ("role", "hidden"), [("underwriter", {"other"}), ("auditor", set()), ("admin", set())]
)
def test_each_role_sees_what_the_table_says(app: Flask, role: Role, hidden: set[str]) -> None:
    """Pages, pictures, PDF, case and lists agree on every relation; what is hidden is like what is not."""
    desk = desk_of(app, role, 1)
    client = client_of(app, desk.reader)
    for relation, record in desk.records.items():
        seen = relation not in hidden
        assert statuses(client, record) == {200 if seen else 404}, relation
        assert listed(client, record) == {seen}, relation


def test_nobody_decides_on_what_she_does_not_see(app: Flask) -> None:
    """The form of a record of others answers 404, and nothing is recorded."""
    desk = desk_of(app, "underwriter", 2)
    client, (other, _) = client_of(app, desk.reader), desk.records["other"]
    assert client.post(f"/estimates/{other}/decisions", data={"kind": "refer"}).status_code == 404
    assert app.extensions["simsvc"].decisions.of(other) == ()


def test_with_access_to_all_an_underwriter_sees_every_record(site: Settings) -> None:
    """SIMSVC_CASE_ACCESS=all opens the records of others."""
    app = create_app(site.model_copy(update={"case_access": "all"}))
    desk = desk_of(app, "underwriter", 3)
    assert statuses(client_of(app, desk.reader), desk.records["other"]) == {200}
    app.extensions["simsvc"].database.close()


def test_batches_are_their_senders(app: Flask) -> None:
    """Another underwriter neither sees nor lists a batch; auditors and administrators do."""
    owner, other = (account(app, "underwriter", f"batches {name}") for name in ("owner", "other"))
    batch = sent(client_of(app, owner), [(drawn_photo(), "a.jpg")])
    readers = {owner: 200, other: 404, account(app, "auditor"): 200, account(app, "admin"): 200}
    for reader, status in readers.items():
        client = client_of(app, reader)
        assert answer_of(client, f"/batches/{batch}")[0] == status
        assert answer_of(client, f"/batches/{batch}/results.csv")[0] == status
        assert (batch in client.get("/batches").text) == (status == 200)


def of_token(app: Flask, *scopes: str) -> FlaskClient:
    return program(app, *scopes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("reader", "status"),
    [
        (lambda app: of_token(app, "estimate"), 404),
        (lambda app: of_token(app, "audit"), 200),
        (lambda app: of_token(app, "admin"), 200),
        (lambda app: of_token(app, "estimate", "audit"), 200),
    ],
)
def test_tokens_see_what_their_scopes_say(
    app: Flask, reader: Callable[[Flask], FlaskClient], status: int
) -> None:
    """A token that only estimates sees the records that it made, by every route; others see all."""
    owner, other = program(app, "estimate"), reader(app)
    photo = {"photo": (io.BytesIO(drawn_photo()), "a.jpg"), "case": f"token {status} {id(reader)}"}
    record = owner.post(f"{V1}/estimates", data=photo).get_json()["id"]
    paths = [f"{V1}/estimates/{record}{path}" for path in ("", "/neighbours", "/crop", "/decisions")]
    for path in (*paths, f"{V1}/cases/token {status} {id(reader)}/summary"):
        assert owner.get(path).status_code == 200
        assert other.get(path).status_code == status
    items = other.get(f"{V1}/estimates?case=token {status} {id(reader)}").get_json()["items"]
    assert [item["id"] for item in items] == ([record] if status == 200 else [])
    made = other.post(f"{V1}/estimates/{record}/decisions", json={"kind": "refer"}).status_code
    assert (made == 404) == (status == 404)


def test_another_record_of_the_same_case_opens_it(app: Flask) -> None:
    """Who requests an estimate in a case of somebody else sees the case from then on."""
    first, second = (account(app, "underwriter", f"joint {name}") for name in ("one", "two"))
    record = recorded(app, first, "joint/1")
    client = client_of(app, second)
    assert client.get("/cases/joint/1").status_code == 404
    recorded(app, second, "joint/1")
    assert client.get(f"/estimates/{record}").status_code == 200


def test_bearer_and_session_do_not_mix(app: Flask) -> None:
    """Each request is limited by who sends it, also when one application answers many in turn."""
    owner, other = (account(app, "underwriter", f"turns {name}") for name in ("one", "two"))
    record = recorded(app, owner, "turns")
    paths = f"/estimates/{record}", f"{V1}/estimates/{record}"
    answers = [
        client_of(app, owner).get(paths[0]).status_code,
        client_of(app, other).get(paths[0]).status_code,
        app.test_client().get(paths[1], headers=bearer(app, "estimate")).status_code,
        client_of(app, owner).get(paths[0]).status_code,
    ]
    assert answers == [200, 404, 404, 200]

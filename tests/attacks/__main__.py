"""`python -m tests.attacks`: every attack on both databases, and what names it."""

from __future__ import annotations

import argparse
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from simsvc.store import migrate
from simsvc.store.database import Database
from tests.attacks.attacks import ATTACKS
from tests.attacks.databases import Databases, postgres_templates, sqlite_files
from tests.attacks.installation import prepare
from tests.attacks.page import as_text, cells, write
from tests.attacks.run import Found, tried
from tests.postgres_server import fresh_database, postgres_server

KINDS = ("sqlite", "postgresql")


def main() -> int:
    """Make the attacks, print what names each, and return 1 if something does not."""
    parser = argparse.ArgumentParser(prog="python -m tests.attacks", description=__doc__)
    parser.add_argument("--on", choices=(*KINDS, "both"), default="both")
    parser.add_argument("--write", action="store_true", help="write the table into the documentation")
    options = parser.parse_args()
    kinds = KINDS if options.on == "both" else (options.on,)
    found = {kind: _all(kind) for kind in kinds}
    rows = [[cells(one) for one in each] for each in found.values()]
    if any(other != rows[0] for other in rows[1:]):
        print("The databases differ in what is said.")
        return 1
    if options.write:
        write(rows[0])
    wrong = [one for each in found.values() for one in each if not one.as_expected]
    print(f"{len(ATTACKS)} attacks on {' and '.join(kinds)}: {len(wrong)} not named as expected")
    return int(bool(wrong))


def _all(kind: str) -> list[Found]:
    print(f"{kind}\n")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        installation = prepare(folder, _databases(kind, folder, stack))
        found = []
        for attack in ATTACKS:
            found.append(tried(installation, attack))
            print(as_text(found[-1]), end="\n\n", flush=True)
    return found


def _databases(kind: str, folder: Path, stack: ExitStack) -> Databases:
    if kind == "sqlite":
        return stack.enter_context(sqlite_files(folder / "database"))
    server = stack.enter_context(postgres_server())
    url = stack.enter_context(fresh_database(server, "migrated"))
    database = Database(url)
    migrate.upgrade(database.engine)
    database.close()
    return stack.enter_context(postgres_templates(server, "migrated"))


if __name__ == "__main__":
    sys.exit(main())

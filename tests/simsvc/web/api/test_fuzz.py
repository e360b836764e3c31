from __future__ import annotations

from pathlib import Path

import pytest

from simsvc.settings import Settings
from tests.fuzz.run import furnish, schemathesis
from tests.servers import running

pytestmark = pytest.mark.slow


def test_the_server_keeps_what_its_document_says(site: Settings, tmp_path: Path) -> None:
    """Whatever schemathesis sends, the real server answers as the generated document says, and never 5xx."""
    config = tmp_path / "schemathesis.toml"
    token = furnish(site, config)
    with running(site, tmp_path / "log") as server:
        arguments = ["--max-examples", "5", "--phases", "fuzzing", "--seed", "1"]
        status, written, cases = schemathesis(server.url, token, config, arguments)
    assert status == 0, written
    assert cases > 100, written

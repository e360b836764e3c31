"""How log lines are written: one JSON object each, or text for a person.

Nothing personal belongs into them: no name, case, file name, note or address of anyone. What people did
stands in the log of events.
"""

from __future__ import annotations

import logging
import sys
from typing import Literal

import structlog

Form = Literal["json", "text"]


def formatter(form: Form) -> logging.Formatter:
    """Return what turns a record, and the fields given as its `extra`, into a line."""
    last: structlog.types.Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=False)
    )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.stdlib.ExtraAdder(),
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
        ],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last],
    )


def configure(form: Form) -> None:
    """Let this process write what simsvc logs, and warnings of its libraries, to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter(form))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("simsvc").setLevel(logging.INFO)

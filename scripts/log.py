"""The log of every process: one JSON object a line for the journal, plain lines for a person.

Modules say `log = structlog.get_logger()` and `log.info("batch_sealed", seq=7)`: an event's name
and its fields, never a patient's value. What libraries log goes the same way.
"""

import logging
import sys

import structlog


def set_up_log(*, verbose: bool, for_a_person: bool) -> None:
    """Send our events and the libraries' to standard error."""
    level = logging.DEBUG if verbose else logging.INFO
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    if for_a_person:
        last: list[structlog.typing.Processor] = [structlog.dev.ConsoleRenderer()]
    else:
        last = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    structlog.configure(
        processors=[*shared, *last],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    # Libraries: what needs a person only. Their chatter may quote what they carry.
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)

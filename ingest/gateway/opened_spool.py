"""The spool of a gateway that does not run, for a command that looks into it."""

from config.errors import Misconfigured
from config.gateway_settings import GatewaySettings
from config.language import _
from ingest.gateway.box_keys import load_box_keys
from ingest.gateway.run import SPOOL_FILE
from ingest.gateway.spool import Spool
from ingest.gateway.spool_rows import PAGE_BYTES


def opened_spool(settings: GatewaySettings) -> Spool:
    """Open it. Raises Misconfigured: there is none, or a running gateway has it."""
    path = settings.data_dir / SPOOL_FILE
    if not path.exists():
        raise Misconfigured(
            _("No gateway has run with the data folder %(path)s yet.") % {"path": settings.data_dir}
        )
    return Spool(
        path,
        load_box_keys(settings.data_dir).spool_tag_key(),
        quota_pages=settings.spool.quota_mb * 2**20 // PAGE_BYTES,
    )

"""`adhere decode`: what recorded frames of a band say, for whoever adds or doubts a decoder."""

import json
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from config.errors import Misconfigured, Rejected
from config.language import _
from devices.family import Family
from devices.registry import load_families
from devices.value import Value
from devices.wall_clock import utc_ms

EXIT_MALFORMED = 1
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def decode(
    *,
    family: Annotated[str, typer.Option(help=_("The family of the band, as in the reference."))],
    hex_: Annotated[
        list[str] | None,
        typer.Option("--hex", help=_("A frame, or frames in a row, in hexadecimal.")),
    ] = None,
    further: Annotated[
        list[str] | None, typer.Argument(help=_("Further frames."), metavar="HEX")
    ] = None,
    service_data: Annotated[
        str | None, typer.Option(help=_("An advert's service data, in hexadecimal."))
    ] = None,
    utc_offset_min: Annotated[
        int | None,
        typer.Option(
            help=_("The band's clock, in minutes east of UTC: places its stamps in time.")
        ),
    ] = None,
) -> None:
    """Decode frames of one family of bands and print the readings as JSON.

    Ends with 1 where a frame is malformed, 2 where the family is not known.
    """
    known = load_families()
    if family not in known:
        raise Misconfigured(
            _("there is no family %(family)s: choose one of %(families)s")
            % {"family": family, "families": ", ".join(known)}
        )
    words = [*(hex_ or []), *(further or [])]
    if not words and service_data is None:
        raise Misconfigured(_("there is nothing to decode: give --hex or --service-data"))
    try:
        said = None if service_data is None else _from_hex(service_data)
        decoded = known[family].decode(_frames(words, known[family]), said)
    except Rejected as error:
        typer.echo(
            "adhere: " + _("the frame is malformed: %(reason)s") % {"reason": error}, err=True
        )
        raise typer.Exit(EXIT_MALFORMED) from error
    readings = [_reading(value, utc_offset_min) for value in decoded.values]
    typer.echo(json.dumps({"readings": readings, "info": dict(decoded.info)}))


def _frames(words: list[str], family: Family) -> list[bytes]:
    """Return the frames; `57 01 02` without quotes is one frame, where no frame has one byte."""
    frames = [frame for word in words if (frame := _from_hex(word))]
    if len(frames) > 1 and family.shortest_frame > 1 and all(len(frame) == 1 for frame in frames):
        return [b"".join(frames)]
    return frames


def _from_hex(word: str) -> bytes:
    """Read hexadecimal in either case, with spaces, colons or hyphens between the bytes."""
    digits = word.strip().lower().removeprefix("0x").replace(":", " ").replace("-", " ")
    try:
        return bytes.fromhex(digits)
    except ValueError as error:
        raise Rejected("not_hexadecimal", "two digits of 0-9, a-f for each byte") from error


def _reading(value: Value, utc_offset_min: int | None) -> dict[str, Any]:
    """Return one reading; of a span `at_utc` is the end, when the value was complete."""
    start_ms = value.at_utc_ms
    if start_ms is None and value.device_ts_ms is not None and utc_offset_min is not None:
        start_ms = utc_ms(value.device_ts_ms, utc_offset_min)
    return {
        "quantity": value.quantity,
        "value": int(value.value) if float(value.value).is_integer() else value.value,
        "at_utc": None if start_ms is None else _time(start_ms + value.span_ms) + "Z",
        "start_utc": None if start_ms is None or not value.span_ms else _time(start_ms) + "Z",
        "device_ts": None if value.device_ts_ms is None else _time(value.device_ts_ms),
    }


def _time(at_ms: int) -> str:
    """Return a time without its zone: the band's clock has none."""
    return (EPOCH + timedelta(milliseconds=at_ms)).replace(tzinfo=None).isoformat()

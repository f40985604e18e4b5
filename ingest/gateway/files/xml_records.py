"""Records out of an XML stream of any length, through expat; nothing of it is kept but a record.

Why expat itself and no reader of GPX or TCX: those there are hold the whole file in memory (gpxpy
about 2.5 kB a point), pass over what they cannot read or fail on it, and none keeps its bytes.
Expat is maintained with CPython. Files that declare entities are refused (they could unfold to
gigabytes, or name files of this machine); external ones are never fetched.
"""

from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import NamedTuple, Protocol
from xml.parsers import expat

from config.errors import Rejected

BLOCK_BYTES = 2**16
MOST_DEPTH = 64
MOST_TEXT = 256
"""Characters of one value: longer ones are cut, and then refused as what they are."""
MOST_TOKEN_BYTES = 2**20
"""A tag or comment that goes on for longer is not waited for."""
UNREAD_ENCODING = "one that XML readers need not know"
"""Beyond UTF-8 and UTF-16 expat knows those alone that write a character in one byte."""


class Bytes(Protocol):
    """A file, or what unpacks one."""

    def read(self, size: int, /) -> bytes:
        """Return the next bytes, at most so many; b"" at the end."""


class XmlRecord(NamedTuple):
    """One element that was asked for."""

    name: str
    attributes: Mapping[str, str]
    texts: Mapping[str, str]
    """By path inside it, as asked for: the first text of each."""
    place: int
    """Its line in the file."""
    data: bytes
    """As it stands in the file."""


def records(
    file: Bytes,
    *,
    is_record: Callable[[str, Mapping[str, str]], bool],
    paths: AbstractSet[str] = frozenset(),
) -> Iterator[XmlRecord]:
    """Give the elements that `is_record` says, in order; names are without their prefix.

    `paths` are the texts to collect inside: `name`, or `parent/name`. Raises Rejected after all
    that could be read: `xml_entities`, `encoding`, `too_deep`, `too_large`,
    `not_well_formed`, `cut_short`.
    """
    stream = _Stream(is_record, paths)
    while block := file.read(BLOCK_BYTES):
        yield from stream.feed(block, last=False)
    yield from stream.feed(b"", last=True)


def root_of(head: bytes) -> str | None:
    """Return the name of the outermost element, if these first bytes of a file hold it.

    Raises Rejected: `xml_entities`, `encoding`.
    """
    found: list[str] = []
    parser = expat.ParserCreate()
    parser.StartElementHandler = lambda name, _attributes: found.append(name)
    parser.EntityDeclHandler = _refuse_entities
    try:
        parser.Parse(head, False)  # noqa: FBT003 - expat takes no names
    except (ValueError, LookupError) as error:
        raise Rejected("encoding", UNREAD_ENCODING) from error
    except expat.ExpatError:
        pass  # it is cut off, or damaged further on
    return _local(found[0]) if found else None


class _Stream:
    def __init__(
        self, is_record: Callable[[str, Mapping[str, str]], bool], paths: AbstractSet[str]
    ) -> None:
        self._is_record, self._paths = is_record, paths
        self._parser = parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.EntityDeclHandler = _refuse_entities
        self._out: list[XmlRecord] = []
        self._recent, self._recent_at, self._fed = b"", 0, 0
        self._depth = 0
        self._names: list[str] = []
        """Open elements, from the record inwards; empty outside of records."""
        self._attributes: Mapping[str, str] = {}
        self._texts: dict[str, str] = {}
        self._wanted: str | None = None
        self._began = (0, 0)

    def feed(self, block: bytes, *, last: bool) -> Iterator[XmlRecord]:
        self._out = []
        start = self._begins()
        self._recent = self._recent[start - self._recent_at :] + block
        self._recent_at = start
        self._fed += len(block)
        fault: Rejected | None = None
        try:
            self._parser.Parse(block, last)
        except expat.ExpatError as error:
            reason = "not_well_formed" if not last else "cut_short"
            fault = Rejected(reason, f"line {error.lineno}: {expat.ErrorString(error.code)}")
        except (ValueError, LookupError):
            fault = Rejected("encoding", UNREAD_ENCODING)
        except Rejected as error:
            fault = error
        if fault is None and self._fed - self._begins() > MOST_TOKEN_BYTES:
            fault = Rejected("too_large", "a tag or record without end")
        yield from self._out
        if fault is not None:
            raise fault

    def _begins(self) -> int:
        """Return where the bytes begin that may still be asked for."""
        return self._began[0] if self._names else max(0, self._parser.CurrentByteIndex)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > MOST_DEPTH:
            raise Rejected("too_deep", f"elements inside each other, {MOST_DEPTH} times")
        name = _local(name)
        if not self._names:
            if self._is_record(name, attributes):
                self._names, self._attributes, self._texts = [name], attributes, {}
                self._began = self._parser.CurrentByteIndex, self._parser.CurrentLineNumber
            return
        path = f"{self._names[-1]}/{name}"
        self._names.append(name)
        self._wanted = name if name in self._paths else path if path in self._paths else None
        if self._wanted in self._texts:
            self._wanted = None

    def _text(self, text: str) -> None:
        if self._wanted is not None:
            before = self._texts.get(self._wanted, "")
            self._texts[self._wanted] = (before + text)[:MOST_TEXT]

    def _end(self, _name: str) -> None:
        self._depth -= 1
        self._wanted = None
        if not self._names:
            return
        name = self._names.pop()
        if not self._names:
            start, line = self._began
            data = self._recent[start - self._recent_at :]
            end = self._parser.CurrentByteIndex - start
            if data.startswith(
                b"</", end
            ):  # else it was closed by its own tag, and this is its end
                end = data.find(b">", end) + 1 or len(data)
            data = data[:end]
            self._out.append(XmlRecord(name, self._attributes, self._texts, line, data))


def _refuse_entities(*_declared: object) -> None:
    raise Rejected("xml_entities", "the file declares entities")


def _local(name: str) -> str:
    return name.rpartition(":")[2]

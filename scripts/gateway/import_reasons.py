"""Why a file or a record was not taken, and what to do about it."""

from config.language import later

REASONS = {
    "ambiguous_local_time": later(
        "the clocks were put back and this time came twice: write it with its offset (+08:00)"
    ),
    "columns": later("not as many cells as headings, or a quotation mark too few"),
    "crc": later("the file is damaged: copy it from the device again"),
    "cut_short": later("the file ends too early: copy it again; what came before was taken"),
    "empty": later("the file is empty: export it again"),
    "encoding": later("in an encoding that is not read: save it as UTF-8"),
    "gzip": later("the file is packed: unpack it (gunzip) and import what is inside"),
    "headings": later("headings that are not known: see docs/howto/import-files.md"),
    "malformed": later("the contents break the rules of the format: export it again"),
    "no_such_local_time": later(
        "the clocks were put forward over this time: write it with its offset (+08:00)"
    ),
    "no_zone": later("a local time without its zone: say where it was written (--time-zone)"),
    "not_gadgetbridge": later(
        "a database, but none of Gadgetbridge: use Data management, Export in its menu"
    ),
    "not_registered": later(
        "the band is on nobody's wrist in the roster: register it in the district first"
    ),
    "not_well_formed": later("no sound XML from there on: export it again, or save it as UTF-8"),
    "note": later("its note in the inbox is not ours: import the file again"),
    "reader_died": later("reading it took too much memory or time, or met a fault: report it"),
    "reader_missing": later(
        "reading FIT needs another package: run in the sources: pip install '.[files]'"
    ),
    "relative_time": later("recorded before the device knew the time: it cannot be placed"),
    "source": later(
        "nothing in it is of this band: name the source or the address in it (--source)"
    ),
    "span": later("it ends before it begins, or lasts too long"),
    "time": later("no time, or none from 1970 on"),
    "too_deep": later("not an export of a device: elements inside each other without end"),
    "too_large": later("larger than any export of a device: cut it into parts"),
    "unit": later("a pulse that is not counted by the minute"),
    "unknown_format": later(
        "none of FIT, TCX, GPX, Apple Health export, Gadgetbridge database and CSV"
    ),
    "unreadable": later("the file cannot be read: import it again"),
    "value": later("no number, or one that cannot be"),
    "xml_entities": later("it declares entities, as no device does: do not trust where it is from"),
    "zip_bomb": later("it unpacks to far more than an export: do not trust where it is from"),
    "zip_damaged": later("the zip file is damaged or locked: export it again"),
    "zip_without_export": later("no Apple Health export inside: import the file inside it itself"),
}

"""`adhere score`: files in, the whole method over blocks of people, files out."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from adherence.whole import whole
from config.components import load_components
from config.conventions import Conventions
from config.side_figures import load_side_figures
from reports.nightly.evidence import conventions_sha256, sha256_of_facts
from scripts.score.blocks import BLOCK_ROWS, Block, by_block, rows_of
from scripts.score.cases import SECTION_13
from scripts.score.inputs import Files, Found, find_inputs
from scripts.score.judging import judged
from scripts.score.parts import Parts, write_table
from scripts.score.phases import versions_of
from scripts.score.reasons import refused_late
from scripts.score.results import published
from scripts.score.side import side_of

Watch = Callable[[int, int], None]
"""Is told rows done and rows in all."""


@dataclass(frozen=True)
class Outcome:
    """What became of the files."""

    metadata: dict[str, str]
    """What stands in every file written."""
    rows: dict[str, int]
    """Of each table of results."""
    without_figures: pl.DataFrame
    """case, person, reason: the usable cases for which nothing can be computed."""
    refused: pl.DataFrame
    """case, person, row, reason: those that contradict themselves, and those of unknown people."""
    weekless: pl.DataFrame
    """case, person, row: the cases that are computed and have not one week, in their order."""
    found: Found

    @property
    def is_all(self) -> bool:
        """Whether no case was refused and no row left out."""
        return not (self.refused.height or self.found.failures.height)


def run(
    files: Files,
    out: Path,
    *,
    zone: str,
    conventions: Conventions,
    watch: Watch = lambda _done, _all: None,
    block_rows: int = BLOCK_ROWS,
    with_side: bool = True,
) -> Outcome:
    """Score the files into the folder `out`; raise Misconfigured where one cannot be used.

    Memory follows `block_rows` and the largest person, not the number of people: what does not fit
    waits in a folder for temporary files.
    """
    with TemporaryDirectory(prefix="adhere-score-") as folder, ThreadPoolExecutor(1) as beside:
        spool = Path(folder)
        input_sha256 = beside.submit(files.sha256, zone, conventions)
        found = find_inputs(
            files, zone=zone, conventions=conventions, spool=spool, block_rows=block_rows
        )
        parts, silent, with_weeks = Parts(spool), [], []
        done, rows = 0, rows_of(found)
        watch(done, rows)
        compute = partial(results_of, conventions=conventions, with_side=with_side)
        for of_block, tables in by_block(found, compute, block_rows=block_rows):
            parts.add(tables)
            silent.append(tables["people"].drop_nulls("reason"))
            with_weeks.append(tables["weeks"].select("case").unique())
            done += of_block
            watch(done, rows)
        metadata = {
            "adhere.method_version": conventions.version,
            "adhere.conventions_sha256": conventions_sha256(conventions).hex(),
            "adhere.components_version": load_components().version,
            "adhere.components_sha256": components_sha256().hex(),
            "adhere.input_sha256": input_sha256.result(),
        }
        if with_side:
            metadata["adhere.side_version"] = load_side_figures().version
        parts.write(found.cases["case"], out, metadata)
        without_figures = pl.concat(silent).select("case", "person", "reason").sort("case")
        late = refused_late(without_figures, found.unknown, found.case_rows)
        refused = pl.concat([found.refused, late], how="vertical_relaxed").sort("row")
        weekless = weekless_of(found, pl.concat([*with_weeks, without_figures.select("case")]))
        for name, table in (("refused", refused), ("failures", found.failures)):
            write_table(table.lazy(), out / f"{name}.parquet", metadata)
    return Outcome(
        metadata,
        rows=dict(parts.rows) | {"refused": refused.height},
        without_figures=without_figures,
        refused=refused,
        weekless=weekless.join(refused, on="case", how="anti"),
        found=found,
    )


def components_sha256() -> bytes:
    """Hash the numbers of section 13 as those of the method are hashed."""
    return sha256_of_facts(load_components().model_dump(mode="json", exclude={"sources"}))


def weekless_of(found: Found, accounted: pl.DataFrame) -> pl.DataFrame:
    """Return case, person and row of the cases that `accounted` (case) does not name."""
    cases = found.cases.select("case", "person").join(accounted, on="case", how="anti")
    return cases.join(found.case_rows, on="case").sort("row")


def results_of(
    block: Block, *, conventions: Conventions, with_side: bool
) -> tuple[int, dict[str, pl.DataFrame]]:
    """Return the rows of one block, and its tables as they are published."""
    versions = versions_of(block.cases)
    results = whole(block.samples, block.step_rows, versions, conventions, block.log)
    weeks = results.weeks
    if block.log is not None or set(SECTION_13) & set(block.cases.columns):
        weeks = judged(weeks, block.cases, block.log)
    tables = published(results, weeks)
    if with_side:
        tables["side"] = side_of(results, conventions)
    return block.rows, {name: block.named(table) for name, table in tables.items()}

"""One small table in every form in which it can be a source."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import sqlite3
import zipfile
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from hub.wire.table import Delivery, TableQuestion

COLUMNS = ("document", "name", "since")
ROWS: list[list[str | None]] = [
    ["99000002K", "Muñoz", "2020-01-31"],
    ["99000002K", "Peña; y «Ortiz»", None],
    ["99000013D", "Núñez", "1999-12-31"],
]
SHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def a_question(value: str | None = "99000002K", **changes: Any) -> TableQuestion:
    """Whose rows of the table there are."""
    values = {"table": "members", "columns": COLUMNS, "key": "document", "reference": "r"}
    return TableQuestion(**{**values, "value": value, **changes})


def a_database(file: Path, rows: list[list[str | None]] = ROWS) -> str:
    """A SQLite file with a table and a view of it; its address."""
    with sqlite3.connect(file) as connection:
        connection.execute("create table kept (document text, name text, since text, secret text)")
        connection.executemany("insert into kept values (?, ?, ?, 'sealed')", rows)
        connection.execute("create view members as select * from kept")
    connection.close()
    return f"table+sqlite://{file}"


def as_csv(rows: list[list[str | None]] = ROWS, header: tuple[str, ...] = COLUMNS) -> bytes:
    """The rows as CSV, with a header."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=";")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue().encode()


def as_workbook(rows: list[list[str | None]] = ROWS, header: tuple[str, ...] = COLUMNS) -> bytes:
    """The rows as the least that is an Excel file."""
    table: list[list[str | None]] = [[*header], *rows]
    lines = "".join(
        "<row>"
        + "".join(f'<c t="inlineStr"><is><t>{escape(x or "")}</t></is></c>' for x in line)
        + "</row>"
        for line in table
    )
    return a_workbook_of(lines)


def a_workbook_of(lines: str) -> bytes:
    """A workbook whose one sheet has *lines*, in Excel's own XML; cells of style 1 are durations."""
    package = "http://schemas.openxmlformats.org/package/2006"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    kinds = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types"><Default Extension="xml" '
        f'ContentType="application/xml"/><Default Extension="rels" ContentType="application/'
        f'vnd.openxmlformats-package.relationships+xml"/><Override PartName="/xl/workbook.xml" '
        f'ContentType="{kinds}.sheet.main+xml"/><Override PartName="/xl/worksheets/sheet1.xml" '
        f'ContentType="{kinds}.worksheet+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" '
        f'Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{SHEET}" xmlns:r="{office}"><sheets><sheet name="a" '
        f'sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}/relationships">'
        f'<Relationship Id="r1" Type="{office}/worksheet" Target="worksheets/sheet1.xml"/>'
        f'<Relationship Id="r2" Type="{office}/styles" Target="styles.xml"/></Relationships>',
        "xl/styles.xml": f'<styleSheet xmlns="{SHEET}"><numFmts count="1"><numFmt numFmtId="170" '
        f'formatCode="[h]:mm:ss"/></numFmts><cellXfs count="2"><xf numFmtId="0"/>'
        f'<xf numFmtId="170" applyNumberFormat="1"/></cellXfs></styleSheet>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{SHEET}"><sheetData>{lines}</sheetData>'
        f"</worksheet>",
    }
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, text in parts.items():
            packed.writestr(name, text)
    return file.getvalue()


def deliver(
    folder: Path, name: str, content: bytes, rows: int | None = len(ROWS), **manifest: Any
) -> Path:
    """Put a delivery into *folder*, with its manifest unless *rows* is None."""
    file = folder / name
    file.write_bytes(content)
    if rows is not None:
        said = {"rows": rows, "sha256": hashlib.sha256(content).hexdigest(), **manifest}
        file.with_suffix(".json").write_text(json.dumps(said), "utf-8")
    return file


PLAIN = Delivery(keep_share=0.9)

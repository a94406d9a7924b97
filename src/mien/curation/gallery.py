"""The audit as one page that opens without a server: the list of findings first, pictures behind it.

The page keeps only the rows in sight, so that 28,000 findings scroll; pictures are sheets of a hundred that are decoded
when one comes into sight. Decisions stay in the browser's local storage and are saved as ``decisions.csv``.
"""

import json
from base64 import b64encode
from collections.abc import Iterator
from importlib.resources import files
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from mien.curation.audit import KINDS, Audit
from mien.data.dataset import FerDataset
from mien.data.ferplus import VOTE_COLUMNS
from mien.data.splits import SPLITS
from mien.runtime.files import atomic_file

#: Pictures of one sheet, in ten rows of ten.
_PER_SHEET = 100
_JPEG_QUALITY = 80


def write_gallery(dataset: FerDataset, audit: Audit, path: Path) -> None:
    """Write the page; sheet by sheet, so that memory holds no more than the list.

    Raises:
        StorageError: The place cannot be written.
    """
    page = (files("mien.curation") / "gallery.html").read_text(encoding="utf-8")
    numbered = " ".join(VOTE_COLUMNS[:8])
    before, _, after = page.partition("__SHEETS__")  # the list first: it shows while the pictures are being read
    # "<" cannot end the script that holds the list
    rows = json.dumps(_rows(dataset, audit), separators=(",", ":")).replace("<", "\\u003c")
    before = before.replace("__NUMBERED__", numbered).replace("__ROWS__", rows)
    with atomic_file(path) as temporary, temporary.open("w", encoding="utf-8") as stream:
        stream.write(before)
        for number, sheet in enumerate(_sheets(dataset, audit)):
            stream.write(f'<script type="text/plain" id="sheet{number}">{b64encode(sheet).decode()}</script>\n')
        stream.write(after)


def _rows(dataset: FerDataset, audit: Audit) -> dict[str, object]:
    """What the page knows of each finding, see gallery.html."""
    percent = np.rint(audit.probabilities * 100).astype(int)
    return {
        "id": dataset.manifest_sha256[:16],
        "names": VOTE_COLUMNS,
        "kinds": KINDS,
        "splits": SPLITS,
        "side": dataset.side,
        "per_sheet": _PER_SHEET,
        "rows": [
            [
                int(dataset.rows[finding.position]),
                number,
                KINDS.index(finding.kind),
                round(finding.score, 4),
                int(dataset.splits[finding.position]),
                dataset.votes[finding.position].tolist(),
                percent[finding.position].tolist(),
                {KINDS.index(kind): round(score, 4) for kind, score in finding.kinds.items()},
            ]
            for number, finding in enumerate(audit.findings)
        ],
    }


def _sheets(dataset: FerDataset, audit: Audit) -> Iterator[bytes]:
    """JPEG files of a hundred pictures each, in the order of the findings."""
    side = dataset.side
    for start in range(0, len(audit.findings), _PER_SHEET):
        sheet = np.zeros((10 * side, 10 * side), np.uint8)
        for at, finding in enumerate(audit.findings[start : start + _PER_SHEET]):
            top, left = at // 10 * side, at % 10 * side
            sheet[top : top + side, left : left + side] = dataset.images[finding.position, :, :, 0]
        buffer = BytesIO()
        Image.fromarray(sheet).save(buffer, "JPEG", quality=_JPEG_QUALITY)
        yield buffer.getvalue()

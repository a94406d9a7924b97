"""The published layouts that can be imported, by name."""

from mien.curation.items import Layout
from mien.curation.layouts.affectnet import AFFECTNET, AFFECTNET_NPY
from mien.curation.layouts.folders import CKPLUS, FOLDER, KDEF, LONDON
from mien.curation.layouts.lists import EXPW, IMFDB, LFW, RAFDB
from mien.curation.layouts.tables import HUGGINGFACE, PARQUET, TABLE
from mien.errors import ConfigError
from mien.text import name_hint

#: Every layout by its name.
LAYOUTS: dict[str, Layout] = {
    layout.name: layout
    for layout in (
        *(FOLDER, CKPLUS, KDEF, LFW, IMFDB, LONDON, RAFDB, AFFECTNET, AFFECTNET_NPY, EXPW, HUGGINGFACE, PARQUET, TABLE),
    )
}


def find_layout(name: str) -> Layout:
    """The layout called ``name``.

    Raises:
        ConfigError: There is no such layout; near names are in the hint.
    """
    if name not in LAYOUTS:
        raise ConfigError(f"no layout {name[:40]!r}", hint=name_hint(name, LAYOUTS))
    return LAYOUTS[name]

"""A COMBINE archive (OMEX): the files and a manifest that says what each is."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from xml.sax.saxutils import quoteattr

from ..store import write_atomic

_FORMATS = {
    ".omex": "http://identifiers.org/combine.specifications/omex",
    ".xml": "http://identifiers.org/combine.specifications/sbml.level-3.version-2",
    ".yaml": "https://petab.readthedocs.io",
    ".tsv": "http://purl.org/NET/mediatypes/text/tab-separated-values",
    ".md": "http://purl.org/NET/mediatypes/text/markdown",
}
#: A fixed date, so that the same files give the same bytes.
_DATE = (2026, 1, 1, 0, 0, 0)


def write_omex(path: Path, files: Mapping[str, str], master: str) -> Path:
    """Write texts by file name into an archive; `master` is what a tool opens first."""
    rows = [f'  <content location="." format={quoteattr(_FORMATS[".omex"])}/>']
    for name in files:
        flag = ' master="true"' if name == master else ""
        rows.append(
            f"  <content location={quoteattr('./' + name)} format={quoteattr(_FORMATS[Path(name).suffix])}{flag}/>"
        )
    manifest = (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        '<omexManifest xmlns="http://identifiers.org/combine.specifications/omex-manifest">\n'
        + "\n".join(rows)
        + "\n</omexManifest>\n"
    )
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in {"manifest.xml": manifest, **files}.items():
            archive.writestr(zipfile.ZipInfo(name, _DATE), text)
    return write_atomic(path, content.getvalue())

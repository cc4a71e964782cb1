"""A gallery as a block of text inside the page: JSON lines, deflated, in base64, as many questions as fit."""

import base64
import json
import zlib
from dataclasses import dataclass

from extracot.evaluation.report.examples.gallery import Gallery
from extracot.text.markup import printable


@dataclass(frozen=True, slots=True)
class PackedGallery:
    """A gallery as it goes into the page."""

    data: str
    """Base64 of a raw deflate stream of JSON lines: first the rows and samples, then an item a line."""
    n_shown: int
    """Items in it."""
    n_items: int
    """Items that there are."""


def pack(gallery: Gallery, max_bytes: int, max_items: int | None = None) -> PackedGallery:
    """The gallery with as many of its first items as fit, at least one.

    Args:
        gallery: what to pack; its items are made only as far as they are needed.
        max_bytes: of `data`; passed by the last item at most.
        max_items: the most to take; None takes what fits.
    """
    deflate = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    head = {"rows": gallery.rows, "samples": gallery.samples}
    stream = bytearray(deflate.compress(_line(head)))
    n_shown = 0
    for item in gallery.items:
        if n_shown == max_items or (n_shown and len(stream) * 4 / 3 >= max_bytes):
            break
        stream += deflate.compress(_line(item))
        stream += deflate.flush(zlib.Z_SYNC_FLUSH)  # so that the length of the stream is known
        n_shown += 1
    stream += deflate.flush()
    return PackedGallery(base64.b64encode(stream).decode("ascii"), n_shown, gallery.n_items)


def _line(value: object) -> bytes:
    # The page shows texts as they come, and half a surrogate pair is not UTF-8.
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return (printable(text) + "\n").encode("utf-8")

"""The browser of examples: its frame and its data; `page.js` fills it."""

from extracot.evaluation.report.examples.gallery import Gallery
from extracot.evaluation.report.examples.packing import pack
from extracot.text.markup import NOTHING, Markup, element, escape, text_element


def browser_section(gallery: Gallery, name: str, max_bytes: int, max_items: int | None = None) -> Markup:
    """A gallery to step through and to filter; nothing for an empty one, or where `max_items` is 0.

    Args:
        gallery: what it shows.
        name: unique in the page.
        max_bytes: room for its data in the page; what does not fit is left out, and the page says so.
        max_items: the most questions to take; None takes what fits.
    """
    if gallery.n_items == 0 or max_items == 0:
        return NOTHING
    packed = pack(gallery, max_bytes, max_items)
    left_out = packed.n_items - packed.n_shown
    note = gallery.note
    if left_out:
        note += f" Shown are {packed.n_shown} of {packed.n_items}, {gallery.choice}; {left_out} are left out."
    buttons = (
        element("button", escape("‹ Previous"), type="button"),
        element("span", class_="where", aria_live="polite"),
        element("button", escape("Next ›"), type="button"),
    )
    return element(
        "section",
        text_element("h3", gallery.title),
        text_element("p", note, class_="note"),
        element("noscript", text_element("p", "Stepping through the examples needs JavaScript.")),
        element("form", class_="filters"),
        element("div", *buttons, class_="stepper"),
        element("div", class_="stage", tabindex=0),
        element("script", Markup(packed.data), id=name, type="application/octet-stream"),
        class_="browser",
        data_gallery=name,
    )

"""Building HTML and SVG as strings, with every text and attribute escaped in one place.

`Markup` marks what is already safe. `element` and `escape` are the only ways from a plain string to `Markup`,
so a question that says `<script>` is shown, never run.
"""

import base64
import hashlib
import html
import re
from collections.abc import Mapping
from typing import NewType

Markup = NewType("Markup", str)
"""A string that is HTML or SVG already: do not escape it again, do not build it from raw text."""

NOTHING = Markup("")

_VOID = frozenset({"meta", "br", "hr", "line", "rect", "circle", "path", "polyline", "polygon", "use", "input"})
# C0 and C1 controls except tab and newline are not allowed in HTML; half a surrogate pair is not UTF-8.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")

Attribute = str | int | float | None


def printable(text: str) -> str:
    """The text with every character that a page or a terminal could take for a command as U+FFFD."""
    return _UNPRINTABLE.sub("\ufffd", text)


def escape(text: str) -> Markup:
    """Raw text as markup that shows exactly that text; unprintable characters become U+FFFD."""
    return Markup(html.escape(printable(text), quote=True))


def element(
    tag: str, *children: str | Markup, attributes: Mapping[str, Attribute] | None = None, **named: Attribute
) -> Markup:
    """One element. Children must be `Markup`; use `text_element` for raw text.

    Attribute names: `class_` is class, other underscores become hyphens (`stroke_width`); a value of None
    leaves the attribute out; floats are written with at most two decimals.
    """
    merged = {**(attributes or {}), **{_hyphenate(name): value for name, value in named.items()}}
    written = "".join(f' {name}="{_attribute(value)}"' for name, value in merged.items() if value is not None)
    if not children and tag in _VOID:
        return Markup(f"<{tag}{written}>" if tag in {"meta", "br", "hr", "input"} else f"<{tag}{written}/>")
    return Markup(f"<{tag}{written}>{''.join(children)}</{tag}>")


def text_element(tag: str, text: str, **named: Attribute) -> Markup:
    """One element around raw text, escaped."""
    return element(tag, escape(text), attributes={_hyphenate(name): value for name, value in named.items()})


def document(title: str, style: Markup, body: Markup, script: str = "") -> str:
    """One self-contained document, light and dark, that asks no network for anything.

    Its content security policy lets nothing be fetched and nothing run but `script`, which it names by its digest:
    whatever a text smuggles in stays text.

    Args:
        title: of the window.
        style: CSS rules; trusted.
        body: what it shows.
        script: JavaScript that runs once the body is there; trusted; "" for none.

    Raises:
        ValueError: the script holds `</script` or `<!--`, which would end it early or change how it is read.
    """
    if re.search(r"</script|<!--", script, re.IGNORECASE):
        raise ValueError("a script inside a page may not hold </script or <!--; write it as <\\/script")
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    if script:
        digest = base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
        policy += f"; script-src 'sha256-{digest}'"
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", attributes={"http-equiv": "Content-Security-Policy", "content": policy}),
        element("meta", name="color-scheme", content="light dark"),
        text_element("title", title),
        element("style", style),
    )
    scripts = [element("script", Markup(script))] if script else []
    return "<!doctype html>\n" + element("html", head, element("body", body, *scripts), lang="en") + "\n"


def join(*parts: Markup) -> Markup:
    """Markup one after the other."""
    return Markup("".join(parts))


def _hyphenate(name: str) -> str:
    return name.rstrip("_").replace("_", "-")


def _attribute(value: str | int | float) -> str:
    if isinstance(value, float):
        return f"{value:.2f}".rstrip("0").rstrip(".")
    return escape(str(value))

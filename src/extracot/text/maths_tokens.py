"""Tokens for the maths that nothing marks: numbers with their currency and sign, names, operators, brackets.

Every character that is no white space belongs to a token, so the parser cannot read across what it does not
know.
"""

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from extracot.text.delimited import DelimitedSpan

# `\w` takes superscripts and vulgar fractions for letters; a name must not swallow the square in `x²`.
_LETTER: Final = r"[^\W\d_⁰¹²³⁴-⁹ⁿ₀-₉½¼¾⅐-⅞]"
_NUMBER_BODY: Final = r"(?:\d{1,3}(?:(?:,|\{,\}|\\,)\d{3})+(?!\d)(?:\.\d+)?|\d+(?:\.\d+)?|(?<!\d)\.\d+)"
# White space is skipped within a match, so that no other place has to be tried. Most tokens are plain words between
# white space and punctuation: they come first, and mean what `word` means.
_TOKEN: Final = re.compile(
    r"[^\S\n\r\u2028\u2029]*+(?:"
    r"(?P<plain>[A-Za-z]{2,}+(?=[\s.,;:)]|$))"
    r"|(?P<newline>[\n\r\u2028\u2029])"
    r"|(?P<barrier>=>|->|<-|[⇒→⟹⟶←↔⇔]|[-=*_~#]{3,})"
    rf"|(?P<lexeme>\d+(?:st|nd|rd|th)\b|\d+(?:-{_LETTER}{{2,}})+|{_LETTER}+(?:-{_LETTER}{{2,}})+)"
    r"|(?P<number>(?:(?:US|CA|AU|HK)?(?:\\\$|[$€£¥₹])[ ]?(?=[\d.]))?"
    rf"(?:\d+[ ]\d+/\d+(?![\d/.])|\d+:\d+(?::\d+)*|{_NUMBER_BODY}(?:[eE][+-]?\d+(?!\w))?|[½¼¾⅓⅔⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞])"
    r"(?:[½¼¾⅓⅔]|(?:[ ]?\\?%|°[CF]?|¢|€|[kKM](?![^\W_])))?)"
    r"|(?P<command>\\[A-Za-z]{2,})"
    r"|(?P<raised>[⁰¹²³⁴-⁹ⁿ⁺⁻]+)"
    rf"|(?P<variable>{_LETTER}(?:_\{{[^{{}}\n]{{1,20}}\}}|_\w{{1,10}}|[₀-₉]+|\d{{1,3}}(?!\w)|['′]+(?![^\W_]))+)"
    rf"|(?P<word>{_LETTER}+(?:['’]{_LETTER}+)*)"
    r"|(?P<compare><=|>=|==|!=|:=|[=≠≤≥≈≡≅≃∼~<>∝∈])"
    r"|(?P<operator>\*\*|[-+−–*×·⋅∙÷/^±∓∗⁄])"
    r"|(?P<open>[(\[{])|(?P<close>[)\]}])|(?P<root>[√∛])|(?P<infinity>∞)"
    r"|(?P<ellipsis>\.\.\.|…)|(?P<bar>\|)|(?P<bang>!)|(?P<comma>,)"
    r"|(?P<other>\S))"
)


class Token(NamedTuple):
    """A piece of text between white space and other tokens; a tuple, since there are as many as words."""

    kind: str
    """A group name of the pattern above; `marked` is a delimited formula, `barrier` ends every expression."""
    start: int
    end: int
    text: str
    """Its characters; empty for `marked` and for code."""


def tokenize(text: str, delimited: Sequence[DelimitedSpan]) -> list[Token]:
    """Cut `text` into tokens, each delimited span into one."""
    tokens: list[Token] = []
    position = 0
    for span in [*delimited, None]:
        gap_end = len(text) if span is None else span.start
        for match in _TOKEN.finditer(text, position, gap_end):
            kind = str(match.lastgroup)
            start, end = match.span(kind)
            tokens.append(Token("word" if kind == "plain" else kind, start, end, match[kind]))
        if span is not None:
            tokens.append(Token("barrier" if span.is_code else "marked", span.start, span.end, ""))
            position = span.end
    return tokens

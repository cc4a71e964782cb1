"""Pages: whatever a text says stays text, and a page runs the script that it names and no other."""

import pytest

from extracot.text.markup import NOTHING, document, escape, text_element


def test_markup_in_a_text_is_shown_as_it_stands() -> None:
    assert text_element("p", "<b>'&\"") == "<p>&lt;b&gt;&#x27;&amp;&quot;</p>"
    assert escape("a\x00b\ud800") == "a\ufffdb\ufffd"


def test_a_page_without_a_script_allows_none() -> None:
    page = document("T", NOTHING, NOTHING)
    assert "script" not in page
    assert "default-src &#x27;none&#x27;" in page


def test_a_page_allows_its_script_by_digest() -> None:
    # printf 'f();' | openssl dgst -sha256 -binary | base64
    page = document("T", NOTHING, NOTHING, script="f();")
    assert "script-src &#x27;sha256-9RATIFdqkCJTNwEc6+pNG0qjxmJA9pKWbaKmy3Jw3G0=&#x27;" in page
    assert page.endswith("<script>f();</script></body></html>\n")


@pytest.mark.parametrize("script", ["'</script>'", "'</SCRIPT'", "'<!--'"])
def test_a_script_that_would_end_early_is_refused(script: str) -> None:
    with pytest.raises(ValueError, match="may not hold"):
        document("T", NOTHING, NOTHING, script=script)

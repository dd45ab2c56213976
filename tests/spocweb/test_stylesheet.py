"""What of a style sheet is left: whatever one of our own words could ask for."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.staticfiles import finders

from spocweb import static_files
from spocweb.stylesheet import subset, words

USED = frozenset({"card", "btn", "data-theme", "type"})


@pytest.mark.parametrize(
    ("css", "kept"),
    [
        ("a{b:c}", "a{b:c}"),
        (".card{b:c}.cards{b:d}", ".card{b:c}"),
        (".card,.other,h1{b:c}", ".card,h1{b:c}"),
        (".card>.other{b:c}.card .btn:hover::after{d:e}", ".card .btn:hover::after{d:e}"),
        (".card.other{b:c}", ""),
        (r".btn\/2{b:c}.\62 tn{d:e}", r".btn{d:e}"),
        ("[data-theme=dark] .card,[data-other]{b:c}", "[data-theme=dark] .card{b:c}"),
        ('.btn[type="a,b"]{b:c}', '.btn[type="a,b"]{b:c}'),
        # The comma and the class in it are not the selector's own.
        (".btn:not(.other,.none){b:c}", ".btn:not(.other,.none){b:c}"),
        (".card{background:url(data:a;b,c);--d:{e}}", ".card{background:url(data:a;b,c);--d:{e}}"),
        ("@media (width>1px){.card{b:c}.other{d:e}}", "@media (width>1px){.card{b:c}}"),
        ("@media print{.other{b:c}}", ""),
        ("@media print{@supports (a:b){.btn{b:c}}}", "@media print{@supports (a:b){.btn{b:c}}}"),
        ("@keyframes other{0%{b:c}}", "@keyframes other{0%{b:c}}"),
        ('@charset "utf-8";@font-face{src:x}', '@charset "utf-8";@font-face{src:x}'),
        ("/* .card */.other{b:c}", ""),
    ],
)
def test_what_is_kept(css: str, kept: str) -> None:
    assert subset(css, USED) == kept


def test_words_of_files(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "page.html").write_text('<b class="one two-{{ x }}">')
    (tmp_path / "a" / "page.txt").write_text("three")
    assert words([tmp_path], frozenset({".html"})) == {"b", "class", "one", "two-", "x"}


def test_of_tablers_style_sheet_every_class_that_a_template_names_is_kept() -> None:
    path = finders.find("tabler/tabler.min.css")
    assert path, "front-end packages are not installed"
    whole = Path(path).read_text()
    finder = finders.get_finder("spocweb.static_files.PackageFinder")
    (cut,) = (storage.open(name).read().decode() for name, storage in finder.list([]) if name in static_files.CUT)

    def classes(css: str) -> set[str]:
        return set(re.findall(r"\.(-?[A-Za-z_][\w-]*)", re.sub(r"url\([^)]*\)", "", css)))

    used: set[str] = set()
    for file in Path(settings.BASE_DIR, "templates").rglob("*.html"):
        for value in re.findall(r'class="([^"]*)"', file.read_text()):
            used |= set(value.split())
    assert {"card", "btn", "dropdown-menu", "visually-hidden"} <= used & classes(whole)
    assert classes(cut) >= used & classes(whole)
    assert len(cut) < len(whole) / 4

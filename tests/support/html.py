"""A page as a tree, so that tests ask for elements and their text, and not for markup."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

from django.http import HttpResponse

VOID = {"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}


@dataclass
class Element:
    tag: str
    attrs: dict[str, str]
    children: list[Element | str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """All text in it, spaces as a reader sees them."""
        return " ".join("".join(self._texts()).split())

    @property
    def text_as_is(self) -> str:
        """All text in it as it stands, of a text area for instance; a browser drops the first line's end."""
        return "".join(self._texts()).removeprefix("\n")

    def _texts(self) -> Iterator[str]:
        for child in self.children:
            if isinstance(child, str):
                yield child
            else:
                yield from child._texts()
        if self.tag in {"td", "th", "li", "p", "div", "option", "dt", "dd", "span", "br"}:
            yield " "

    def __getitem__(self, name: str) -> str:
        return self.attrs[name]

    @property
    def classes(self) -> set[str]:
        return set(self.attrs.get("class", "").split())

    def walk(self) -> Iterator[Element]:
        for child in self.children:
            # A template is no part of the page.
            if isinstance(child, Element) and child.tag != "template":
                yield child
                yield from child.walk()

    def all(self, tag: str = "", cls: str = "", **attrs: Any) -> list[Element]:
        """All elements below with this tag and class; `True` for an attribute that only has to be there."""
        return [element for element in self.walk() if element.matches(tag, cls, attrs)]

    def one(self, tag: str = "", cls: str = "", **attrs: Any) -> Element:
        found = self.all(tag, cls, **attrs)
        assert len(found) == 1, f"{len(found)} elements <{tag} class={cls} {attrs}>"
        return found[0]

    def matches(self, tag: str, cls: str, attrs: dict[str, Any]) -> bool:
        wanted = {name.rstrip("_").replace("_", "-"): value for name, value in attrs.items()}
        return (
            tag in ("", self.tag)
            and (not cls or cls in self.classes)
            and all(self.attrs.get(name) == value or (value is True and name in self.attrs) for name, value in wanted.items())
        )


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Element("", {})
        self._stack = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self._stack[-1].children.append(element)
        if tag not in VOID:
            self._stack.append(element)

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        assert self._stack[-1].tag == tag, f"</{tag}> closes <{self._stack[-1].tag} {self._stack[-1].attrs}>"
        self._stack.pop()

    def handle_data(self, data: str) -> None:
        self._stack[-1].children.append(data)


def parse(response: HttpResponse | Any) -> Element:
    """Return the tree of a response; an element that is not closed, or closed by another, fails."""
    parser = _Parser()
    parser.feed(response.content.decode())
    parser.close()
    assert len(parser._stack) == 1, f"<{parser._stack[-1].tag}> is not closed"
    return parser.root

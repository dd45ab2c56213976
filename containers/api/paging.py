"""Lists, a page at a time: {count, next, results}."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final, TypeVar

from django.db.models import Model, QuerySet
from django.http import HttpRequest
from ninja import Schema
from pydantic import Field

from containers.errors import NotFound

PAGE_SIZE: Final = 100

Row = TypeVar("Row", bound=Model)


class Paged(Schema):
    """The query of every list."""

    page: Annotated[int, Field(ge=1, le=1_000_000)] = 1


def paginate(request: HttpRequest, rows: QuerySet[Row], number: int, export: Callable[[Row], Any]) -> dict[str, Any]:
    """Return one page of `rows`; two queries beside those of `export`. Raises NotFound beyond the last."""
    return paginate_together(request, rows, number, lambda shown: [export(row) for row in shown])


def paginate_together(
    request: HttpRequest, rows: QuerySet[Row], number: int, export: Callable[[list[Row]], list[Any]]
) -> dict[str, Any]:
    """The same where the rows of a page are read and exported together."""
    count = rows.count()
    first = (number - 1) * PAGE_SIZE
    if first >= count and number > 1:
        raise NotFound(f"The last page is {max(1, -(-count // PAGE_SIZE))}")
    results = export(list(rows[first : first + PAGE_SIZE])) if count else []
    return {"count": count, "next": next_page(request, number, count), "results": results}


def next_page(request: HttpRequest, number: int, count: int, *, size: int = PAGE_SIZE) -> str | None:
    """Return the address of the page after this one; None on the last."""
    if number * size >= count:
        return None
    query = request.GET.copy()
    query["page"] = str(number + 1)
    return request.build_absolute_uri(f"{request.path}?{query.urlencode()}")

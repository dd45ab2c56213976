"""The list of containers, and the menu of one."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.safestring import SafeString
from django.views.decorators.http import require_GET

from containers.forms.queries import ROWS, ContainerQuery
from containers.services import access
from containers.services.entry import SEE
from containers.views import activities, columns, rows, states
from containers.views.access import Request, get_container, opens_to
from containers.views.grouping import GROUPINGS, groups
from containers.views.listing import SORTS, Listing, Row
from containers.views.may import May
from containers.views.patches import Wanted


@require_GET
@opens_to(SEE)
def container_list(request: Request) -> HttpResponse:
    made_at = timezone.now()
    query = ContainerQuery.of(
        request.GET, states={badge.key for badge in states.CONTAINER_BADGES}, sorts={*SORTS}, groups={*GROUPINGS}
    )
    listing = Listing(query, GROUPINGS[query.group].key if query.group else None)
    wanted = Wanted.of(request)
    chosen = columns.chosen(request)
    context: dict[str, Any] = {
        "section": "containers",
        "listing": listing,
        "rows": _render(request, listing, wanted, chosen),
        "columns": [(key, label, key in chosen) for key, label in columns.COLUMNS.items()],
        "sorts": SORTS,
        "sort_label": SORTS[query.sort],
        "groupings": GROUPINGS,
        "group_label": GROUPINGS[query.group].label if query.group else "",
        "few_rows": ROWS[0],
        "all_rows": ROWS[-1],
        # The rows were read a little later than this, never before.
        "made_at": made_at.isoformat(),
    }
    template = "containers/_rows.html" if wanted else "containers/_list_swap.html" if request.htmx else "containers/list.html"
    return render(request, template, context)


def _render(request: Request, listing: Listing, wanted: Wanted | None, chosen: tuple[str, ...]) -> SafeString:
    """Return the rows that are wanted; where there are groups, the head of each, which counts what is in it."""
    some_may = access.may_somewhere(request.user, "operate")
    look = rows.Look(chosen, may_operate=partial(access.may, request.user, "operate"), may_operate_some=some_may)

    def some(members: Iterable[Row]) -> SafeString:
        return look.render(row for row in members if wanted is None or _is_wanted(row, wanted))

    if not listing.query.group:
        return some(listing.page.object_list)
    here = {row.key for row in listing.page.object_list}
    shown = [(group, [row for row in group.rows if row.key in here]) for group in groups(listing.shown, listing.query.group)]
    return SafeString("".join(look.head(group) + some(members) for group, members in shown if members))


def _is_wanted(row: Row, wanted: Wanted) -> bool:
    return row.name in wanted or wanted.is_since(row.state_since, row.job_at) or (wanted.since is not None and bool(row.activity))


@require_GET
@opens_to(SEE)
def menu(request: Request, name: str) -> HttpResponse:
    container = get_container(request, name, "view")
    return render(
        request,
        "containers/_menu.html",
        {"shown": activities.show([container])[0], "container": container, "may": May(request.user, name)},
    )

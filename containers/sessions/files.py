"""Sessions that look into layers, volumes, and what containers have written: names and changes, or the bytes of one file."""

from __future__ import annotations

import json
import os
from typing import Final, cast

from django.conf import settings

from containers.domain.layout import Layout
from containers.domain.tree import path_bytes
from containers.errors import Conflict, NotFound
from containers.host import app_backups, remains, rootfs
from containers.host.command import Runner
from containers.host.inspect import IdMap, Names, Tree
from containers.models import Layer, Volume
from containers.services import looking
from containers.services.looking import FileInputs, LookInputs, TreeInputs
from containers.services.tickets import Order
from containers.sessions.connection import Connection

_CHUNK: Final = 1 << 18


def look(order: Order, connection: Connection) -> None:
    """Send the whole tree in numbers, one directory, or both, as lines of JSON."""
    asked = cast("TreeInputs", order.arguments)
    with open_tree(order.subject, asked) as tree:
        if asked.ask != "list":
            connection.send(f"{tree.summary().model_dump_json()}\n".encode())
        if asked.ask != "summary":
            listing = tree.listing(path_bytes(asked.path), offset=asked.offset, limit=asked.limit)
            connection.send(f"{listing.model_dump_json()}\n".encode())


def read(order: Order, connection: Connection) -> None:
    """Send the beginning of a file as JSON, or its name and size and then all that is in it."""
    asked = cast("FileInputs", order.arguments)
    tree, path = _where(order.subject, asked)
    with tree:
        if asked.ask == "preview":
            connection.send(tree.preview(path).model_dump_json().encode())
            return
        with tree.open_file(path) as file:
            size = os.fstat(file).st_size
            connection.tell({"size": size})
            _send(file, size, connection)


def read_backup(order: Order, connection: Connection) -> None:
    """Send a backup: its size, and then all that is in it."""
    try:
        file = app_backups.open_backup(_layout().backups, order.subject)
    except FileNotFoundError as error:
        raise NotFound(f"The backup {order.subject} is not on the disk any more") from error
    try:
        size = os.fstat(file).st_size
        connection.tell({"size": size})
        _send(file, size, connection)
    finally:
        os.close(file)


def count_leftovers(order: Order, connection: Connection) -> None:
    """Send what jobs left that ended too early, as JSON: names, and their bytes of disk."""
    connection.send(json.dumps(remains.find(_layout(), Runner())).encode())


def _send(file: int, size: int, connection: Connection) -> None:
    """Send what was announced, and no more of a file that grows; one that shrinks ends early, which is noticed."""
    left = size
    while left and (data := os.read(file, min(left, _CHUNK))):
        connection.send(data)
        left -= len(data)
    if left:
        raise Conflict("The file became shorter while it was read")


def open_tree(subject: str, asked: LookInputs) -> Tree:
    """Open what a subject has of files. Raises NotFound, Conflict where a container has no ephemeral layer."""
    layout = _layout()
    idmap = _idmap()
    found = looking.find(subject)
    if isinstance(found, Layer):
        return Tree(layout.layer(found.name), [layout.layer(name) for name in reversed(asked.below)], idmap)
    if isinstance(found, Volume):
        return Tree(layout.volume(found.name), [], idmap)
    if found.build:
        raise Conflict(f"{found.name} has no ephemeral layer: it writes into its topmost layer")
    if not layout.config(found.name).exists():
        raise NotFound(f"{found.name} has not been made on the host yet")
    below = rootfs.layers(layout, found.name)
    return Tree(layout.ephemeral(found.name), [layout.layer(name) for name in reversed(below)], idmap)


def _where(subject: str, asked: FileInputs) -> tuple[Tree, Names]:
    """Return what to open a file in, and its path there: a volume that is one lies in the directory of all volumes."""
    found = looking.find(subject)
    if isinstance(found, Volume) and not asked.path:
        layout = _layout()
        return Tree(layout.volumes, [], _idmap()), (os.fsencode(found.name),)
    return open_tree(subject, asked), path_bytes(asked.path)


def _idmap() -> IdMap:
    return IdMap(settings.IDMAP_BASE, settings.IDMAP_SIZE)


def _layout() -> Layout:
    return Layout(data_dir=settings.DATA_DIR, log_dir=settings.LOG_DIR, run_dir=settings.RUN_DIR)

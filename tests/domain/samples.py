"""Values that must be refused wherever they come up, and ways to put a value into every field of a container."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

# Every sort of character that nobody sees: C0, DEL, C1, line and paragraph separators, format, surrogate, private, unassigned.
INVISIBLE = [
    *(chr(number) for number in (0x00, 0x01, 0x07, 0x08, 0x09, 0x0A, 0x0B, 0x0C, 0x0D, 0x1B, 0x1F, 0x7F)),
    *(chr(number) for number in (0x80, 0x85, 0x90, 0x9B, 0x9F)),
    *(chr(number) for number in (0x2028, 0x2029, 0x200B, 0x200E, 0x202A, 0x202E, 0x2066, 0xFEFF, 0xAD)),
    *(chr(number) for number in (0xD800, 0xDFFF, 0xE000, 0x0378, 0x10FFFF)),
]


def point(character: str) -> str:
    return f"U+{ord(character):04X}"


def container(**changes: Any) -> dict[str, Any]:
    """A small valid container; `changes` go into its definition."""
    return {"name": "web", "definition": {"layers": ["base"], **changes}}


# Field path (with {} where the value itself is a part of it) and how to put a text there.
TEXT_FIELDS: dict[str, Callable[[str], dict[str, Any]]] = {
    "name": lambda text: container() | {"name": text},
    "description": lambda text: container() | {"description": text},
    "definition.depends.0": lambda text: container(depends=[text]),
    "definition.layers.0": lambda text: container(layers=[text]),
    "definition.mounts.{}": lambda text: container(mounts={text: "srv"}),
    "definition.mounts.data": lambda text: container(mounts={"data": text}),
    "definition.env.{}": lambda text: container(env={text: "1"}),
    "definition.env.KEY": lambda text: container(env={"KEY": text}),
    "definition.uid": lambda text: container(uid=text),
    "definition.gid": lambda text: container(gid=text),
    "definition.cmd": lambda text: container(cmd=text),
    "definition.cwd": lambda text: container(cwd=text),
    "definition.ready": lambda text: container(ready=text),
    "definition.halt": lambda text: container(halt=text),
}

# A valid text for each of those fields.
VALID = {
    "name": "web",
    "description": "shop",
    "definition.depends.0": "db",
    "definition.layers.0": "base",
    "definition.mounts.{}": "data",
    "definition.mounts.data": "/srv/data",
    "definition.env.{}": "KEY",
    "definition.env.KEY": "value",
    "definition.uid": "0",
    "definition.gid": "1000",
    "definition.cmd": "/bin/httpd -f",
    "definition.cwd": "/srv",
    "definition.ready": "test -e /run/ready",
    "definition.halt": "SIGTERM",
}

# Fields whose text goes into the LXC configuration as a person typed it.
FREE_TEXT_FIELDS = ("definition.env.KEY", "definition.cmd", "definition.cwd", "definition.mounts.data", "description")

container_names = st.from_regex(r"[a-z]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True).filter(lambda name: name != "localhost")
stored_names = st.from_regex(r"[a-z0-9]([a-z0-9._-]{0,20}[a-z0-9])?", fullmatch=True).filter(lambda name: ".." not in name)
env_keys = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,20}", fullmatch=True)
visible_text = st.text(st.characters(exclude_categories=("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")), max_size=40)
# What LXC's parser and words might trip over, far more often than chance would bring it.
hostile_text = st.lists(
    st.sampled_from([*" \t\r\n\0\"'#=\\$`{}%/,:;-.\x85\u2028\u00a0", "lxc.hook.pre-start = /bin/id", "lxc."]) | st.characters(),
    max_size=30,
).map("".join)

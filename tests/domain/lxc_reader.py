"""How LXC reads a configuration, written down a second time, byte by byte after its C code.

`containers.domain.lxc_config.parse` says the same in Python's words; tests hold the two against each other.
"""

from __future__ import annotations

BLANKS = b" \t"
WHITE = b" \t\n\v\f\r"


def read(text: str) -> list[tuple[bytes, bytes]]:
    """parse.c: lxc_iterate_parts over "\\r\\n\\0"; confile.c: parse_line."""
    found = []
    line = bytearray()
    for byte in [*text.encode(errors="surrogatepass"), ord("\n")]:
        if byte not in b"\r\n\0":
            line.append(byte)
            continue
        if (item := _read_line(bytes(line))) is not None:
            found.append(item)
        line.clear()
    return found


def _read_line(line: bytes) -> tuple[bytes, bytes] | None:
    start = 0
    while start < len(line) and line[start] in BLANKS:
        start += 1
    line = line[start:]
    if line[:4] != b"lxc.":
        return None
    dot = line.find(b"=")
    if dot < 0:
        raise ValueError("invalid configuration item")
    key, value = _cut_right(line[:dot]), line[dot + 1 :]
    while value and value[0] in BLANKS:
        value = value[1:]
    value = _cut_right(value)
    if len(value) > 1 and value[0] in b"\"'" and value[-1] == value[0]:
        value = value[1:-1]
    return key, value


def _cut_right(text: bytes) -> bytes:
    while text and text[-1] in BLANKS:
        text = text[:-1]
    return text


def words_of_lxc5(value: str) -> list[str]:
    """lxccontainer.c of 5.0: split_init_cmd, lxc_iterate_parts over " "."""
    return [word for word in value.split(" ") if word]


def words_of_lxc6(value: str) -> list[str]:
    """string_utils.c since 6.0: lxc_string_split_quoted."""
    words: list[bytes] = []
    state, word = b" ", bytearray()
    for byte in value.encode(errors="surrogatepass"):
        if state == b" ":
            if byte in WHITE:
                continue
            state, word = (bytes([byte]), bytearray()) if byte in b"\"'" else (b"a", bytearray([byte]))
        elif (state == b"a" and byte in WHITE) or (state != b"a" and byte == state[0]):
            words.append(bytes(word))
            state = b" "
        else:
            word.append(byte)
    if state == b"a":
        words.append(bytes(word))
    return [word.decode(errors="surrogatepass") for word in words]

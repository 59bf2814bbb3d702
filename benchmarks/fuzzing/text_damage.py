"""Damage to files of weights, whose header is JSON, and to training configurations, which are YAML with overrides."""

import json
import struct
from random import Random
from typing import Any

from fuzzing.image_damage import damaged

DTYPES = ("F32", "F16", "BF16", "F64", "I64", "U8", "BOOL", "F8_E4M3", "F8_E5M2", "C64", "F4", "", "f32", None, 7)
NUMBERS = (0, 1, -1, 3, 2**31, 2**63, 2**64, -(2**63), 1.5, 1e308, float("nan"), None, "1", [], {})
CARDS = (
    '"ceair-t"',
    '"ceair-s"',
    '"ceair-x"',
    "ceair-t",
    "",
    "{",
    "[" * 3000,
    "null",
    "1",
    '{"a": 1}',
    "\ud800",
    "NaN",
)
VALUES = (
    *(
        "",
        "null",
        "~",
        "true",
        "1",
        "-1",
        "1e999",
        ".nan",
        "-.inf",
        "0x7fffffffffffffffffff",
        "1_000",
        "1:30",
        "2026-01-01",
    ),
    *(
        "2026-99-99",
        "[]",
        "{}",
        "[1, [2, [3]]]",
        "{a: {b: {c: 1}}}",
        "&a [*a]",
        "*nothing",
        "<<: *a",
        "{<<: [1]}",
        "? [a]",
    ),
    *(
        "!!python/object/apply:os.getcwd []",
        "!!binary 'x'",
        "!!set {a}",
        "!!timestamp x",
        "!!int x",
        "!new x",
        "|",
        ">-",
        "'",
    ),
    *('"', '"\\ud800"', "\u2028", "\x00", "\ufeff", "%YAML 9.9", "---", "...", "- a\n- b", "[" * 2000, "{a: " * 500),
    *(
        "x" * 5000,
        "9" * 5000,
        "ceair-t",
        "gpu",
        "/",
        "..",
        "[0.1, 0.2, 0.3]",
        "{noise: [1, 0]}",
        "{[1, 2]: 3}",
        "{1: 2}",
    ),
)
KEYS = (
    "preset",
    "seed",
    "train.minutes",
    "stages",
    "stages.0.patch",
    "optim.lr",
    "data.mixture",
    "data",
    "loss.pixelwise",
)


def damaged_weights(whole: bytes, random: Random) -> bytes:
    """A safetensors file whose header says something else, or whose bytes are damaged."""
    length = struct.unpack("<Q", whole[:8])[0]
    what = random.randrange(4)
    if what == 0:
        return damaged(whole[: 8 + length + 4096], whole[: 8 + length], random)
    if what == 1:
        head = damaged(whole[8 : 8 + length], whole[8 : 8 + length], random)
        return struct.pack("<Q", len(head)) + head + whole[8 + length :]
    if what == 2:
        at = random.randrange(8 + length, len(whole) - 4)
        value = random.choice((b"\0\0\xc0\x7f", b"\0\0\x80\x7f", b"\xff\xff\xff\xff", b"\x80\x3f\x80\x3f"))
        return b"".join((whole[: at - at % 4], value, whole[at - at % 4 + 4 :]))[
            : random.choice((at, None, None, None))
        ]
    header = json.loads(whole[8 : 8 + length])
    for _ in range(random.choice((1, 1, 2, 5))):
        _damage_header(header, random)
    head = json.dumps(header).encode()
    size = random.choice((len(head), len(head), len(head), len(head), 0, 2**63, len(head) - 1, len(head) + 10**9))
    return struct.pack("<Q", size) + head + whole[8 + length :]


def _damage_header(header: dict[str, Any], random: Random) -> None:
    name = random.choice([*header]) if header else "a"
    what = random.randrange(6)
    if what == 0:
        header.pop(name, None)
    elif what == 1:
        header[f"{name}{random.choice(('', '.', 'x', chr(0)))}"] = random.choice((header.get(name), *NUMBERS))
    elif what == 2:
        header["__metadata__"] = random.choice(({}, None, [], {"preset": 3}, {random.choice(CARDS): "1"}))
    elif what == 3:
        header["__metadata__"] = {"preset": random.choice(CARDS), "more": random.choice(CARDS)}
    elif name != "__metadata__" and isinstance(header.get(name), dict):
        field = random.choice(("dtype", "shape", "data_offsets"))
        numbers = [random.choice(NUMBERS) for _ in range(random.randrange(5))]
        header[name][field] = random.choice(DTYPES) if field == "dtype" else numbers


def damaged_configuration(text: str, random: Random) -> tuple[list[str], bytes]:
    """Overrides, some of them wrong, and a configuration with damaged lines or bytes."""
    lines = text.splitlines()
    for _ in range(random.choice((0, 1, 1, 2, 4))):
        _damage_lines(lines, random)
    content = "\n".join(lines).encode("utf-8", "surrogatepass")
    if random.random() < 0.2:
        content = damaged(content, content, random)
    words = []
    for _ in range(random.choice((0, 0, 1, 2))):
        key = random.choice((*KEYS, "", ".", "a.b", "optim.", "output.x", "x" * 300))
        words.append(random.choice(("{}={}", "{}={}", "{}={}", "{}{}")).format(key, random.choice(VALUES)))
    return words, content


def _damage_lines(lines: list[str], random: Random) -> None:
    if not lines:
        return
    at = random.randrange(len(lines))
    key, colon, _ = lines[at].partition(":")
    what = random.randrange(6)
    if what <= 2:
        lines[at] = f"{key}{colon or ':'} {random.choice(VALUES)}"
    elif what == 3:
        lines.insert(at, lines[random.randrange(len(lines))])
    elif what == 4:
        del lines[at]
    else:
        lines[at] = " " * random.randrange(4) + lines[at].strip()

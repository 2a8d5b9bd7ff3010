"""Pretend embeddings: unit vectors, equal for equal texts."""

import hashlib
import struct


def vector(text: str, size: int) -> list[float]:
    """``size`` numbers of length one, made of the text's hash."""
    seed = hashlib.shake_128(text.encode("utf-8", "surrogatepass")).digest(2 * size)
    raw = [number / 32768 for number in struct.unpack(f"<{size}h", seed)]
    length = sum(number * number for number in raw) ** 0.5 or 1.0
    return [number / length for number in raw]


def similarity(query: str, document: str) -> float:
    """From 0 to 1: the share of the query's words that the document has, with a trace of its hash to break ties."""
    words = set(query.lower().split())
    shared = len(words & set(document.lower().split())) / max(1, len(words))
    trace = hashlib.sha256(document.encode("utf-8", "surrogatepass")).digest()[0] / 255
    return round(0.9 * shared + 0.1 * trace, 6)

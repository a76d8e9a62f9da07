"""Objects with known digests: small ones from their bytes, huge ones without holding or writing their bytes."""

import hashlib
import os

ALGORITHMS = {"MD5": "md5", "SHA1": "sha1", "SHA256": "sha256"}

GIB = 1 << 30
MARK_EVERY = 64 << 20

# Digests of `write_sparse` objects: hashlib over the same bytes, computed once (`python3 objects.py` prints them again).
SPARSE_1_GIB = {
    "MD5": "e603932162fd843191069d67b95b5ce0",
    "SHA1": "f67800c293dd1cb2753f6e577b0a21d5113e5288",
    "SHA256": "25834ca37bdf20346b25d0cbe4f3065e33b41b24ade45b47d8333f629168938b",
}
SPARSE_4_GIB = {"SHA256": "8db13f5e92840ea694dec0609973fc4b531bd86e4a6bdcb6c2ce1effa5e03158"}
SPARSE_100_GIB = {"SHA256": "948e10cd5fcf326c3ab4031f37649227eb701685af72013a011149112b70f6e7"}


def truth(algorithm, content):
    """The digest as the wire spells it, from an implementation that is not ours."""
    return hashlib.new(ALGORITHMS[algorithm], content).hexdigest()


def write(folder, key, content):
    """Stores an object the way a person would: as a file."""
    path = os.path.join(folder, *key.split("/"))
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(content)
    return path


def content(size, seed=0):
    """`size` bytes that differ from block to block and from seed to seed."""
    return hashlib.shake_128(b"%d" % seed).digest(size)


def _marks(size):
    """What stands in a sparse object besides zeros: each part is told from its neighbours, and the last byte counts."""
    for start in range(0, size, MARK_EVERY):
        yield start + 13, b"marker %09d" % (start // MARK_EVERY)
    yield size - 1, b"\x5a"


def write_sparse(path, size):
    """An object of `size` bytes that takes next to no room."""
    with open(path, "wb") as file:
        file.truncate(size)
        for offset, text in _marks(size):
            file.seek(offset)
            file.write(text)


def _sparse_digests(size, algorithms):
    hashers = [hashlib.new(ALGORITHMS[name]) for name in algorithms]
    marks = dict(_marks(size))
    step = 1 << 20
    for start in range(0, size, step):
        block = bytearray(step)
        for offset, text in marks.items():
            if start <= offset < start + step:
                block[offset - start : offset - start + len(text)] = text
        for hasher in hashers:
            hasher.update(block)
    return {name: hasher.hexdigest() for name, hasher in zip(algorithms, hashers)}


if __name__ == "__main__":
    print(_sparse_digests(GIB, ["MD5", "SHA1", "SHA256"]))
    print(_sparse_digests(4 * GIB, ["SHA256"]))
    print(_sparse_digests(100 * GIB, ["SHA256"]))

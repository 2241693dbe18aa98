"""Image ids and class labels as file names that are good on any system."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable

RESERVED = {"con", "prn", "aux", "nul"} | {
    f"{device}{number}" for device in ("com", "lpt") for number in range(10)
}
LONGEST = 100  # characters: room for a suffix within the 255 bytes that a file's name may have


def safe_names(texts: Iterable[str]) -> dict[str, str]:
    """A file name for each text, good on any system: no folder, nothing reserved, no two alike.

    A text of ASCII letters, digits, "_", "+" and "-" stays as it is. In others the rest becomes
    "_", and a hash of the text at the end keeps them apart; so it does those that differ in upper
    and lower case alone, are reserved on Windows, too long, or look as if they had a hash already.
    """
    texts = list(dict.fromkeys(texts))
    counts = Counter(text.lower() for text in texts)
    return {
        text: text if counts[text.lower()] == 1 and _plain(text) else _hashed(text)
        for text in texts
    }


def _plain(text: str) -> bool:
    return (
        re.fullmatch("[A-Za-z0-9_+-]+", text) is not None
        and len(text) <= LONGEST
        and text.lower() not in RESERVED
        and re.search("-[0-9a-f]{16}$", text) is None
    )


def _hashed(text: str) -> str:
    name = re.sub("[^A-Za-z0-9_+-]+", "_", text)[:LONGEST]
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8)
    return f"{name}-{digest.hexdigest()}"

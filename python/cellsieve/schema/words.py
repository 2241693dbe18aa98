"""How things are said: numbers with their nouns, and errors in one line."""


def count(number: float, noun: str, plural: str | None = None) -> str:
    """A number and its noun: "1 image", "2 images"; irregular plurals have to be given."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"


def one_line(text: str) -> str:
    r"""Text from a file, fit for a message: what can't be printed is spelled out (``\n``)."""
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in text)


def sentence(error: BaseException) -> str:
    """An error in one line."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    text = one_line(" ".join(str(error).split()))
    known = isinstance(error, ValueError | TypeError | ImportError | OSError)
    return text if known else ": ".join(filter(None, [type(error).__name__, text]))

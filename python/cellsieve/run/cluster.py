"""A Dask cluster in place of threads."""

from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager

from cellsieve.io.extras import require

WAIT = 20  # seconds for the scheduler to answer


@contextmanager
def dask_executor(address: str | None) -> Iterator[Executor | None]:
    """What runs tasks on the workers of a scheduler; None, for threads, without an address.

    Raises:
        OSError: there is no scheduler.
        ValueError: the address is none.
        ImportError: the extra `dask` is not installed.
    """
    if address is None:
        yield None
        return
    distributed = require("distributed", "dask", "--dask")
    try:
        client = distributed.Client(address, timeout=WAIT, set_as_default=False)
    except OSError as error:
        raise OSError(f"{address}: no Dask scheduler answers; is that its address?") from error
    with client:
        yield client.get_executor()

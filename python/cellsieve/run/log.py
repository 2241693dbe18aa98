"""The log: progress and failures of long runs."""

import logging

#: Nobody hears of it unless a handler is set, as `--log` does; what people must see is printed.
LOG = logging.getLogger("cellsieve")
LOG.addHandler(logging.NullHandler())

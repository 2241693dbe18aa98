"""The names of colours, and which channels are seen in them."""

#: How much of red, green and blue a colour holds.
COLOURS = {
    "red": (1, 0, 0),
    "green": (0, 1, 0),
    "blue": (0, 0, 1),
    "yellow": (1, 1, 0),
    "cyan": (0, 1, 1),
    "magenta": (1, 0, 1),
    "white": (1, 1, 1),
}

#: The channels that are shown unless others are asked for, each in the colour of its name.
SHOWN = ("red", "green", "blue")

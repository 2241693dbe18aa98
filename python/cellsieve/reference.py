"""The numpy reference: short, slow, obviously right; the oracle of the tests and of `bench`."""

"""Ids of devices, stores and meters."""

ID_PATTERN = r"^[A-Za-z0-9_.:-]{1,64}$"
"""What an id may be. An integer is taken as its decimal string; nobody infers a number from an id later."""

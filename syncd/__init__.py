"""syncd keeps a relational mirror of FlickRocket shops and the shops themselves the same, in both directions."""

__version__ = "0.1.0"

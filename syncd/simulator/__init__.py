"""A FlickRocket shop that runs on a laptop: for `syncd demo`, for tests, and for people without an account.

It models what the API reference promises, quirks included, and nothing more: whatever is unknown there is a
switch here. It keeps its own idea of every record, because it is the judge of the mirror.
"""

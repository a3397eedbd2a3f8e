"""Tests with real processes that are started, watched and killed."""

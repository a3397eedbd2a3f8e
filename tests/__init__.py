"""Tests of syncd: a package, so that what several of them need can be imported from `tests.support`."""

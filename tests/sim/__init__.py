"""Whole daemons on simulated time: seeded, with faults and crashes, judged while they run and when they are quiet."""

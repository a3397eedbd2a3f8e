"""The host: clock, dice, alarm, logs, signals, sealing and locks of the machine that syncd runs on."""

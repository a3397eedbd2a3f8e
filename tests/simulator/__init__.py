"""The simulated shop: what it promises, switch by switch."""

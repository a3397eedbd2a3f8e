"""The rules of the house as tests: who imports whom, what is banned and what to use, what is documented."""

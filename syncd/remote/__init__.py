"""The FlickRocket side of the house: httpx, paging, codec, OAuth. Knows nothing of databases."""

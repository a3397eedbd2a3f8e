"""Tests of the wire: codec, gateway, OAuth."""

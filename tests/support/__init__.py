"""What several folders of tests need: real databases to test against. Never a fake of one."""

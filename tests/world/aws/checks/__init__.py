"""What selfcheck.py checks, one area a file. Each check takes the running world and fails with an AssertionError."""

"""Tests of what runs in a reader's browser."""

"""Tests of every figure of the book."""

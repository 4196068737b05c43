"""Engines: a Step in, an Outcome out."""

"""Stages: each decides the next step of its tables, and nothing else."""

"""Airflow finds its DAGs here: the pipeline and its upkeep, as the environment says."""

import os
from pathlib import Path

from pinlake_airflow import graph, settings

_settings = settings.read(os.environ, Path(__file__).parent)

pipeline = graph.pipeline(_settings)
keep = graph.keeping(_settings)

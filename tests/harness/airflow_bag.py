"""For scripts that Airflow's Python runs: the DAGs of the DAGs' folder where variables are set."""

import os
import sys
from contextlib import contextmanager
from pathlib import Path

from airflow.dag_processing.dagbag import BundleDagBag

FOLDER = Path(os.environ["AIRFLOW__CORE__DAGS_FOLDER"])


@contextmanager
def bag_of(environment, name):
    """Set the variables while the block runs, and give what Airflow finds: a bundle of that name."""
    before = dict(os.environ)
    os.environ.update(environment)
    for module in [each for each in sys.modules if each.startswith("pinlake_")]:
        del sys.modules[module]
    try:
        yield BundleDagBag(FOLDER, bundle_path=FOLDER, bundle_name=name)
    finally:
        os.environ.clear()
        os.environ.update(before)

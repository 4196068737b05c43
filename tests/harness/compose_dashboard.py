"""What the dashboard and the alert rules of deploy/compose ask of Prometheus."""

import json
import re

from harness.compose_model import FOLDER

DASHBOARD = json.loads((FOLDER / "grafana" / "dashboards" / "gateway.json").read_text())
EXPRESSIONS = [each["expr"] for panel in DASHBOARD["panels"] for each in panel["targets"]]
RULES = (FOLDER / "prometheus" / "rules.yml").read_text()


def metrics():
    """Return the names of our metrics in dashboard and rules."""
    return set(re.findall(r"\bpinlake_\w+", "\n".join([*EXPRESSIONS, RULES])))

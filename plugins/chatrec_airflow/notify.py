"""What happens when a task of a night has failed for good."""

from typing import Any

from airflow.sdk import BaseNotifier


class NightFailed(BaseNotifier):
    """Records the failure with the run and says in the log that the night before stays live.

    Subclass it, or add notifiers of your own to `on_failure_callback`, to send mail or a message.
    """

    def notify(self, context: Any) -> None:
        """Called by Airflow in the worker, after the last try."""
        from chatrec.pipeline import fail
        from chatrec_airflow.settings import key_of_run, settings

        task = context["task_instance"].task_id
        reason = " ".join(str(context.get("exception") or "no reason given").split())
        fail(settings(), key_of_run(context["dag_run"]), f"{task}: {reason}")
        self.log.error("The night has failed in %s; the recommendations of the night before stay live.", task)

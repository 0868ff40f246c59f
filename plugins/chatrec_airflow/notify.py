"""Notifications: a run has failed for good, or waits for approval.

With an Airflow connection `chatrec_notify` the message is also sent there. A connection of type `smtp` sends mail to
the address in its extra `to`. Any other type is a webhook: the message is posted as JSON {"text": …}, the format of
Slack, Mattermost and most others.
"""

import json
import urllib.parse
import urllib.request
from typing import Any

from airflow.sdk import BaseNotifier

CONNECTION = "chatrec_notify"
PATIENCE_SECONDS = 20


class RunFailed(BaseNotifier):
    """Record the failure with the run and report that the previous run stays live.

    To do something else, subclass it or add notifiers of your own to `on_failure_callback`.
    """

    def notify(self, context: Any) -> None:
        """Notify of a failure. Airflow calls this in the worker, after the last try."""
        from chatrec.db.failures import recorded
        from chatrec.pipeline import fail
        from chatrec_airflow.settings import key_of_run, settings

        task = context["task_instance"].task_id
        error = context.get("exception")
        reason = " ".join(recorded(error).split()) if isinstance(error, BaseException) else "no reason given"
        fail(settings(), key_of_run(context["dag_run"]), f"{task}: {reason}")
        self.log.error("The run has failed in %s; the recommendations of the previous run stay live.", task)
        say(
            f"chatrec: the run has failed in {task}",
            f"{reason}\nThe recommendations of the previous run stay live: {_link(context)}",
        )


class RunWaits(BaseNotifier):
    """Report that a run waits for approval, until when, and where to answer."""

    def notify(self, context: Any) -> None:
        """Notify of the question. The task calls this before it waits."""
        task = context["task"]
        link = f"{_link(context)}/required_actions"
        self.log.info("Waiting for approval at %s", link)
        hours = task.response_timeout.total_seconds() / 3600
        say(f"chatrec: {task.subject}", f"{task.body}\n\nAnswer within {hours:g} hours: {link}")


def say(subject: str, message: str) -> None:
    """Send a message to the connection `chatrec_notify`; does nothing without one."""
    from airflow.sdk import BaseHook
    from airflow.sdk.exceptions import AirflowNotFoundException, AirflowRuntimeError

    try:
        connection = BaseHook.get_connection(CONNECTION)
    except (AirflowNotFoundException, AirflowRuntimeError):
        return
    try:
        if connection.conn_type == "smtp":
            _mail(subject, message, connection.extra_dejson["to"])
        else:
            _post(_address(connection), f"{subject}\n{message}")
    except Exception as error:  # whose words may show the address, which is a secret
        raise RuntimeError(f"The connection {CONNECTION} takes no message: {type(error).__name__}.") from None


def _mail(subject: str, message: str, to: str) -> None:
    from html import escape

    from airflow.providers.smtp.hooks.smtp import SmtpHook

    with SmtpHook(smtp_conn_id=CONNECTION) as mail:
        mail.send_email_smtp(to=to, subject=subject, html_content=f"<p>{escape(message).replace(chr(10), '<br>')}</p>")


def _post(address: str, text: str) -> None:
    body = json.dumps({"text": text}).encode()
    request = urllib.request.Request(address, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS):
        pass


def _address(connection: Any) -> str:
    """URL of the webhook: the host as a URL or in parts; a password is appended to the path, as Slack expects."""
    host = connection.host or ""
    scheme = connection.schema if connection.schema in ("http", "https") else "https"
    start = host if "://" in host else f"{scheme}://{host}{f':{connection.port}' if connection.port else ''}"
    return f"{start.rstrip('/')}/{connection.password.lstrip('/')}" if connection.password else start


def _link(context: Any) -> str:
    """URL of the page of a task in Airflow."""
    from airflow.sdk.configuration import conf

    instance = context["task_instance"]
    run = urllib.parse.quote(instance.run_id, safe="")
    base = conf.get("api", "base_url", fallback="http://localhost:8080").rstrip("/")
    return f"{base}/dags/{instance.dag_id}/runs/{run}/tasks/{instance.task_id}"

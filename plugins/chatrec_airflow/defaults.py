"""Retries, pools and queues of all tasks."""

from datetime import timedelta

from airflow.sdk import ExceptionRetryPolicy, RetryAction, RetryRule

from chatrec_airflow.notify import RunFailed

TAGS = {"chatrec"}
GPU = {"queue": "gpu", "pool": "gpu"}
"""For tasks that use the GPU: the queue selects the worker, the pool (`config/pools.json`) has a slot for each GPU."""

TRANSIENT_ONLY = ExceptionRetryPolicy(
    rules=[RetryRule("chatrec.errors.TransientError", RetryAction.DEFAULT, reason="transient: a retry may succeed")],
    default=RetryAction.FAIL,
)
"""A database that is down is retried; wrong settings and failed checks are not."""

DEFAULT_ARGS = {
    "owner": "chatrec",
    "retries": 4,
    "retry_delay": timedelta(seconds=30),
    "retry_exponential_backoff": 2.0,
    "max_retry_delay": timedelta(minutes=15),
    "retry_policy": TRANSIENT_ONLY,
    "execution_timeout": timedelta(hours=3),
    "on_failure_callback": [RunFailed()],
}

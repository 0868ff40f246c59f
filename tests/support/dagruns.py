"""What became of a DAG run."""

from typing import Any


def states(found: Any) -> dict[str, str]:
    """Of its tasks."""
    return {task.task_id: str(task.state) for task in found.get_task_instances()}

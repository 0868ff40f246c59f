"""Schedule and resources of a run."""

from pydantic import Field, field_validator

from chatrec.config.section import Section


class Schedule(Section):
    """Schedule of runs."""

    schedule: str = "0 2 * * *"
    """Cron expression in UTC (minute, hour, day, month, weekday) that tells Airflow when to start a run; "5 * * * *" is
    every hour."""

    @field_validator("schedule")
    @classmethod
    def _five_fields(cls, schedule: str) -> str:
        if len(schedule.split()) != 5:
            raise ValueError('must have the five fields of cron, such as "0 2 * * *"')
        return schedule


class Compute(Section):
    """Threads, memory and random seed."""

    threads: int = Field(0, ge=0, le=1024)
    """Number of CPU threads. 0 uses all cores."""
    memory_mb: int = Field(1024, ge=64)
    """Memory for the batches of extraction and ranking, in megabytes."""
    seed: int = Field(20261124, ge=0)
    """Random seed. The same seed and the same data give the same lists."""

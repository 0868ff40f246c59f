"""The deployment, checked as text: no container can be started here."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return yaml.safe_load(TEXT)


def test_all_of_airflow_is_there(compose: dict[str, Any]) -> None:
    assert {
        "postgres", "redis", "airflow-init", "airflow-apiserver", "airflow-scheduler", "airflow-dag-processor",
        "airflow-triggerer", "airflow-worker", "airflow-worker-gpu",
    } <= set(compose["services"])  # fmt: skip


def test_long_running_services_are_watched_and_restarted(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        if name in ("airflow-init", "airflow-cli"):
            assert service["restart"] == "no"
        else:
            assert service["restart"] == "unless-stopped", name
            assert service["healthcheck"]["test"], name


def test_the_gpu_worker_reserves_a_device_under_its_profile(compose: dict[str, Any]) -> None:
    worker = compose["services"]["airflow-worker-gpu"]
    (device,) = worker["deploy"]["resources"]["reservations"]["devices"]
    assert device == {"driver": "nvidia", "count": 1, "capabilities": ["gpu"]}
    assert worker["profiles"] == ["gpu"]
    assert "--queues gpu" in worker["command"]
    assert "profiles" not in compose["services"]["airflow-worker"]


def test_queues_of_the_dags_have_a_worker(compose: dict[str, Any]) -> None:
    assert "${WORKER_QUEUES:-default,gpu}" in compose["services"]["airflow-worker"]["command"]
    assert '"queue": "gpu"' in (ROOT / "plugins/chatrec_airflow/defaults.py").read_text()


def test_no_secret_has_a_default(compose: dict[str, Any]) -> None:
    for variable in re.findall(r"\$\{([A-Z_]*(?:PASSWORD|KEY|SECRET)[A-Z_]*)([^}]*)\}", TEXT):
        assert variable[1].startswith(":?"), variable
    example = (ROOT / ".env.example").read_text()
    for name in set(re.findall(r"(?<!\$)\$\{([A-Z_]+)", TEXT)):
        assert f"{name}=" in example, name
    for line in example.splitlines():
        if re.match(r"[A-Z_]*(PASSWORD|KEY|SECRET)", line):
            assert line.endswith("="), line


def test_urls_name_the_driver(compose: dict[str, Any]) -> None:
    """Since SQLAlchemy 2.1 a plain postgresql:// means psycopg 3."""
    for name, value in compose["x-airflow"]["environment"].items():
        if name.startswith("AIRFLOW__") and "postgresql" in value:
            assert "postgresql+psycopg2://" in value, name


def test_only_the_web_page_is_reachable_and_only_from_here(compose: dict[str, Any]) -> None:
    ports = {name: service["ports"] for name, service in compose["services"].items() if "ports" in service}
    assert ports == {"airflow-apiserver": ["127.0.0.1:8080:8080"]}


def test_versions_are_pinned_and_agree(compose: dict[str, Any]) -> None:
    lock = (ROOT / "constraints" / "3.11.txt").read_text()
    dockerfile = (ROOT / "Dockerfile").read_text()
    (version,) = re.findall(r"^apache-airflow==(\S+)$", lock, re.M)
    assert f"FROM apache/airflow:{version}-python3.11" in dockerfile
    assert f"ARG AIRFLOW_VERSION={version}" in dockerfile
    for service in compose["services"].values():
        assert re.search(r":\d+\.\d+", service["image"]), service["image"]


def test_what_the_image_copies_is_sent_to_it() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    allowed = {line.removeprefix("!") for line in (ROOT / ".dockerignore").read_text().splitlines() if "!" in line}
    for line in re.findall(r"^COPY --chown=airflow:0 (.+) \S+$", dockerfile, re.M):
        for source in line.split():
            assert source.split("/")[0] in allowed, source
            assert (ROOT / source).exists(), source

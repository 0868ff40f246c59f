"""The module that Airflow loads as a plugin; the code is in `chatrec_airflow`."""

from airflow.plugins_manager import AirflowPlugin
from chatrec_airflow.pages import PREFIX, Pages, view


class ChatrecPlugin(AirflowPlugin):
    """Add the pages: three in the navigation, and one as a tab of a DAG run."""

    name = "chatrec"
    fastapi_apps = [{"app": Pages(), "url_prefix": PREFIX, "name": "chatrec"}]  # noqa: RUF012
    external_views = [  # noqa: RUF012
        view("Recommendations", "recommendations"),
        view("Runs", "runs"),
        view("Fairness & privacy", "audit"),
        view("Run", "dag_runs/{DAG_ID}/{RUN_ID}", "dag_run"),
    ]

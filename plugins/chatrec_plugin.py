"""The one module of this folder that Airflow loads as a plugin; what it registers lives in `chatrec_airflow`."""

from airflow.plugins_manager import AirflowPlugin


class ChatrecPlugin(AirflowPlugin):
    """Makes `chatrec_airflow` known; pages and links will be registered here."""

    name = "chatrec"

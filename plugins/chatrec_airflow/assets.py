"""Assets that a run reads and writes, for Airflow's lineage and for DAGs that depend on them.

A DAG with `Asset("chatrec/recommendations")` as its schedule starts whenever new lists are live.
"""

from airflow.sdk import Asset

SOURCE = Asset(name="chatrec/source", uri="x-chatrec://source")
SNAPSHOT = Asset(name="chatrec/snapshot", uri="x-chatrec://snapshot")
VECTORS = Asset(name="chatrec/vectors", uri="x-chatrec://vectors")
ENCODER = Asset(name="chatrec/encoder", uri="x-chatrec://encoder")
INDEX = Asset(name="chatrec/index", uri="x-chatrec://index")
RECOMMENDATIONS = Asset(name="chatrec/recommendations", uri="x-chatrec://recommendations")

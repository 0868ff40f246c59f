"""Files of the tables published with the lists, and their columns."""

import pyarrow as pa

SIMILAR, POPULAR, TRENDING, QUERIES = (
    f"{name}.parquet" for name in ("similar_items", "popular", "trending", "query_recommendations")
)
TYPES = {
    "item": pa.int32(),
    "similar": pa.int32(),
    "group": pa.int32(),
    "query": pa.string(),
    "rank": pa.int16(),
    "score": pa.float32(),
}
COLUMNS = {
    SIMILAR: ("item", "rank", "similar", "score"),
    POPULAR: ("group", "rank", "item", "score"),
    TRENDING: ("rank", "item", "score"),
    QUERIES: ("query", "rank", "item", "score"),
}


def schema_of(file: str) -> pa.Schema:
    """Returns the schema of a table's file."""
    return pa.schema([(name, TYPES[name]) for name in COLUMNS[file]])

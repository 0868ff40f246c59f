# Airflow with chatrec inside: one image for the scheduler, the API server and all workers.
# PyTorch from PyPI brings CUDA and runs without a GPU too; for a smaller image without it give pip the index of
# PyTorch's CPU builds: docker compose build --build-arg PIP_EXTRA_INDEX_URL=…
FROM apache/airflow:3.3.2-python3.11

ARG AIRFLOW_VERSION=3.3.2
ARG PIP_EXTRA_INDEX_URL

COPY --chown=airflow:0 language.lock pyproject.toml README.md /opt/chatrec/
COPY --chown=airflow:0 constraints /opt/chatrec/constraints
COPY --chown=airflow:0 chatrec /opt/chatrec/chatrec
COPY --chown=airflow:0 sql /opt/chatrec/sql
# Airflow's version is said again, so that nothing moves it.
RUN pip install --no-cache-dir --constraint /opt/chatrec/constraints/3.11.txt \
    "apache-airflow==${AIRFLOW_VERSION}" "/opt/chatrec[gguf]" && \
    pip install --no-cache-dir --no-deps -r /opt/chatrec/language.lock

COPY --chown=airflow:0 dags /opt/airflow/dags
COPY --chown=airflow:0 plugins /opt/airflow/plugins
COPY --chown=airflow:0 config/pools.json /opt/airflow/config/pools.json

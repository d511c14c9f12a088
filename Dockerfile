# Wattlake from its lock file, as a user without rights: for compose.yaml and for Docker and Kubernetes work pools.
FROM python:3.12-slim
RUN pip install --no-cache-dir uv && useradd --create-home wattlake \
    && install -d -o wattlake /data /home/wattlake/home /home/wattlake/inbox /home/wattlake/prefect
# The environment is editable: dbt's project is read from this folder.
WORKDIR /app
COPY . .
# Compiled here: the user may not write beside the modules, and would compile them anew at each start.
RUN uv sync --frozen --no-dev --no-cache --compile-bytecode
ENV PATH=/app/.venv/bin:$PATH WATTLAKE_HOME=/data
USER wattlake
CMD ["wattlake", "--help"]

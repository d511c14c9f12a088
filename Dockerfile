# The worker and the Prefect server: Wattlake from its lock file, as a user without rights.
FROM python:3.12-slim
RUN pip install --no-cache-dir uv && useradd --create-home wattlake \
    && install -d -o wattlake /home/wattlake/home /home/wattlake/inbox /home/wattlake/prefect
WORKDIR /app
COPY . .
RUN uv sync --frozen --no-dev --no-cache
ENV PATH=/app/.venv/bin:$PATH
USER wattlake
CMD ["wattlake", "--help"]

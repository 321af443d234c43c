# The command `auditlog` for every role: consumer, page, alert runner, set-up, secrets. Nothing that builds.
FROM python:3.11-slim AS build
WORKDIR /src
# What builds is an environment of its own. The other is copied whole into the final image: no pip in it.
RUN python -m venv /opt/build && python -m venv --without-pip /opt/auditlog
# What others wrote, by hash; it changes less often than what we write.
COPY requirements.txt requirements-build.txt ./
RUN /opt/build/bin/pip install --no-cache-dir --require-hashes -r requirements-build.txt \
 && /opt/build/bin/pip --python /opt/auditlog/bin/python install --no-cache-dir --no-compile \
        --require-hashes -r requirements.txt
# .dockerignore lets through what the wheel is built from, no more.
COPY . .
# Compiled here, since the final image can't write; nobody changes a source there, so none is looked at.
RUN /opt/build/bin/pip wheel --no-cache-dir --no-deps --no-build-isolation -w /wheels . \
 && /opt/build/bin/pip --python /opt/auditlog/bin/python install --no-cache-dir --no-compile --no-deps \
        /wheels/*.whl \
 && rm -rf /opt/auditlog/include /opt/auditlog/share /opt/auditlog/lib/python3*/site-packages/*/tests \
 && find /opt/auditlog/bin -type f ! -name auditlog -delete \
 && python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/auditlog/lib

FROM python:3.11-slim
LABEL org.opencontainers.image.title="chat-auditlog" \
      org.opencontainers.image.description="An audit log for platforms that serve chats: Kafka to Elasticsearch" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/auditlog /opt/auditlog
# Log lines leave at once; the root filesystem may be read-only.
ENV PATH=/opt/auditlog/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
# A number, so that Kubernetes' runAsNonRoot can tell that it is not root.
USER 10001:10001
WORKDIR /
ENTRYPOINT ["auditlog"]
CMD ["--help"]
# Asks /readyz of what runs; a job has none, and is well while it lasts.
HEALTHCHECK --interval=15s --timeout=10s --start-period=60s --retries=4 \
    CMD ["python", "-m", "audit_cli.healthy"]

# homie-ota as a small image, run by a user who is not root; everything it keeps is in /data.
#   docker build -t homie-ota .
#   docker run -d -p 9080:9080 -v homie-ota:/data homie-ota serve --host 0.0.0.0 --data /data --mqtt mqtt://broker
FROM python:3.11-slim AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/homie-ota
WORKDIR /src
COPY requirements.txt .
RUN /opt/homie-ota/bin/pip install --require-hashes --requirement requirements.txt
COPY pyproject.toml README.md LICENSE ./
COPY src src
# What built the package is not needed to run it.
RUN /opt/homie-ota/bin/pip install --no-deps --no-build-isolation . \
    && /opt/homie-ota/bin/pip uninstall --yes setuptools pip

FROM python:3.11-slim
RUN useradd --system --uid 10001 --home-dir /data --shell /usr/sbin/nologin homie-ota \
    && install -d -o homie-ota -g homie-ota /data
COPY --from=build /opt/homie-ota /opt/homie-ota
ENV PATH=/opt/homie-ota/bin:$PATH PYTHONUNBUFFERED=1
USER 10001
WORKDIR /data
VOLUME /data
# 1883 is only used with --embedded-broker 0.0.0.0:1883
EXPOSE 9080 1883
HEALTHCHECK --interval=30s --timeout=5s --start-period=15s \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:9080/healthz', timeout=4)"]
ENTRYPOINT ["homie-ota"]
CMD ["serve", "--host", "0.0.0.0", "--data", "/data"]

# The page for any machine with Docker, with its own model and no network once it is built. docs/guides/space.md#docker
#   docker build --tag maeday . && docker run --publish 7860:7860 maeday
# TORCH is a folder of PyTorch's index: cpu, or cu130 and cu132 for NVIDIA GPUs.
FROM python:3.12-slim-bookworm

ARG TORCH=cpu
WORKDIR /opt/maeday
COPY requirements.txt .
RUN grep -E '^(torch|torchvision)==' requirements.txt >torch.txt \
    && pip install --no-cache-dir --requirement torch.txt --index-url "https://download.pytorch.org/whl/${TORCH}" \
    && pip install --no-cache-dir --requirement requirements.txt \
    && useradd --create-home --uid 1000 maeday \
    && install --directory --owner=maeday /home/maeday/.cache
COPY app.py LICENSE ./
COPY app app
COPY assets assets
COPY maeday_core maeday_core

USER 1000
ENV GRADIO_SERVER_NAME=0.0.0.0 GRADIO_SERVER_PORT=7860 PYTHONUNBUFFERED=1
EXPOSE 7860
HEALTHCHECK --start-period=60s --interval=30s --timeout=10s CMD ["python", "-c", \
    "import http.client, os; page = http.client.HTTPConnection('127.0.0.1', int(os.environ['GRADIO_SERVER_PORT'])); \
    page.request('GET', '/'); raise SystemExit(page.getresponse().status != 200)"]
CMD ["python", "app.py"]

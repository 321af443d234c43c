"""Look at what a process shows of itself."""

import urllib.error
import urllib.request

from prometheus_client.parser import text_string_to_metric_families

__all__ = ["get", "samples"]


def get(port: int, path: str) -> tuple[int, str]:
    """Return status and body; 0 while nobody listens."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
    except urllib.error.URLError:
        return 0, ""


def samples(port: int) -> dict[str, float]:
    """Return each metric's value, by its name and labels."""
    found = {}
    for family in text_string_to_metric_families(get(port, "/metrics")[1]):
        for sample in family.samples:
            labels = ",".join(sample.labels.values())
            found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found

"""Probes and metrics, as the platform sees them."""

from httpx import AsyncClient


async def test_an_instance_without_a_bus_lives_and_is_not_ready(http: AsyncClient) -> None:
    assert (await http.get("/health/live")).status_code == 200
    ready = await http.get("/health/ready")
    assert ready.status_code == 503
    assert ready.json()["reasons"] == ["the bus is not running"]


async def test_metrics_tell_of_the_bus_and_of_what_is_built(http: AsyncClient) -> None:
    metrics = await http.get("/metrics")
    assert "axion_ready 0.0" in metrics.text
    assert 'blueprint="crud-service"' in metrics.text
    assert "process_cpu_seconds_total" in metrics.text

"""Every setting of the service, defined once: environment variables, flags, help and documentation come from here."""

import re
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from mien.detection.registry import DEFAULT_DETECTOR, list_detectors
from mien.detection.settings import SearchMode
from mien.errors import ConfigError
from mien.runtime.devices import Device
from mien.runtime.workers import usable_cores

#: Characters of a bearer token (RFC 6750) that are also allowed in a WebSocket's subprotocol.
_TOKEN = re.compile(r"[A-Za-z0-9._~-]{16,}")


class ServiceSettings(BaseSettings):
    """Serve the HTTP API and the web page. Each flag is an environment variable too: MIEN_MAX_IMAGES=8."""

    model_config = SettingsConfigDict(
        env_prefix="MIEN_",
        frozen=True,
        cli_kebab_case=True,
        cli_prog_name="mien serve",
        cli_implicit_flags=True,
        cli_hide_none_type=True,
        cli_avoid_json=True,
    )

    host: str = Field("127.0.0.1", description="Address to listen on; 0.0.0.0 is every network of this machine")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on; 0 picks a free one")
    workers: int = Field(1, ge=1, le=64, description="Processes; the limits below hold for each")
    model: str = Field("default", description="A name that `mien models` lists, or an .onnx file")
    more_models: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Further models that a request may choose, separated by commas"
    )
    detector: str = Field(DEFAULT_DETECTOR, description=f"One of {', '.join(list_detectors())}")
    detector_file: Path | None = Field(None, description="The ONNX file of yunet")
    search: SearchMode = Field(
        "default", description="fast, default or thorough: how closely a picture is searched for small faces"
    )
    min_face: float | None = Field(
        None, description="Smallest face: pixels, or below 1 a share of the picture's long side"
    )
    min_detector_score: float | None = Field(None, description="Leave out faces with a lower detector score, 0 to 1")
    device: Device = Field("auto", description="What the models run on; auto takes a graphics card where there is one")
    threads: int = Field(1, ge=1, le=256, description="Threads of each model")
    concurrency: int = Field(0, ge=0, le=256, description="Pictures processed at a time; 0 is two for each core")
    batch_size: int = Field(
        64, ge=1, le=1024, description="Most faces, of all clients together, in one batch of the network"
    )
    batch_wait_ms: float = Field(
        2.0, ge=0, le=1000, description="Longest time a face waits for others to join its batch"
    )
    max_body_bytes: int = Field(32 * 2**20, ge=1024, description="Largest request body in bytes")
    max_pixels: int = Field(
        50_000_000, ge=1, description="Most pixels of a picture or frame, checked before it is decoded"
    )
    max_images: int = Field(32, ge=1, le=1000, description="Most pictures in one request")
    max_faces: int = Field(200, ge=1, description="Most faces in one picture")
    max_in_flight: int = Field(64, ge=1, description="Most prediction requests at a time; further ones get 429")
    max_connections: int = Field(512, ge=8, description="Most open connections; further ones get 503")
    max_streams: int = Field(8, ge=0, description="Most live cameras at a time")
    client_share: float = Field(
        0.5,
        gt=0,
        le=1,
        description="Largest share of the requests, cameras, connections and waiting videos above that one client may "
        "hold, by address and by token",
    )
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Addresses of reverse proxies, separated by commas, whose X-Forwarded-For names the client",
    )
    max_frame_bytes: int = Field(2 * 2**20, ge=1024, description="Largest camera frame in bytes")
    jobs_folder: Path | None = Field(
        None, description="Folder for uploaded videos and their results; without it videos are not accepted"
    )
    max_video_bytes: int = Field(500 * 2**20, ge=1024, description="Largest video in bytes")
    max_video_s: float = Field(3600, gt=0, description="Longest time that reading a video may take, in seconds")
    max_jobs_bytes: int = Field(5 * 2**30, ge=1024, description="Largest size of all videos and results on disk")
    max_jobs: int = Field(8, ge=1, description="Most videos waiting; further ones get 429")
    keep_jobs_s: float = Field(86400, gt=0, description="How long results are kept after the upload, in seconds")
    request_timeout_s: float = Field(30, gt=0, description="Longest time for a prediction, in seconds")
    decode_timeout_s: float = Field(10, gt=0, description="Longest time for decoding a picture, in seconds")
    upload_timeout_s: float = Field(30, gt=0, description="Longest time for a request body to arrive, in seconds")
    min_upload_rate: int = Field(1024, ge=0, description="Slowest upload in bytes a second, on average; 0 is any")
    idle_timeout_s: int = Field(
        10, ge=1, description="Longest time a connection may be idle, and for request headers to arrive, in seconds"
    )
    drain_timeout_s: int = Field(30, ge=1, description="Time for running requests to finish after SIGTERM, in seconds")
    tokens: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        (),
        description="Bearer tokens of at least 16 characters, separated by commas; every request must present one. "
        "Without tokens anyone can use the service",
    )
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Origins of other sites whose pages may use the service (CORS), separated by commas"
    )
    access_log: bool = Field(False, description="Log a line for each request (never file names)")

    @field_validator("tokens", "cors_origins", "trusted_proxies", "more_models", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        """Split at commas: a variable is one string, a repeated flag a list of them."""
        if isinstance(value, str):
            value = [value]
        parts = [part for item in value for part in (item.split(",") if isinstance(item, str) else [item])]
        return [part.strip() if isinstance(part, str) else part for part in parts if part]

    @field_validator("tokens", mode="before")
    @classmethod
    def _not_empty(cls, value: Any) -> Any:
        texts = [value] if isinstance(value, str) else [item for item in value if isinstance(item, str)]
        if texts and not "".join(texts).strip(", "):
            # As from a secret that was not set where the container is started.
            raise ValueError("an empty value would admit anyone; leave the setting out if that is intended")
        return value

    @field_validator("tokens")
    @classmethod
    def _strong(cls, tokens: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        if not all(_TOKEN.fullmatch(token.get_secret_value()) for token in tokens):
            raise ValueError("a token has at least 16 characters of A-Z a-z 0-9 . _ ~ -")
        return tokens

    @field_validator("trusted_proxies")
    @classmethod
    def _addresses(cls, proxies: tuple[str, ...]) -> tuple[str, ...]:
        for proxy in proxies:
            ip_address(proxy)  # a name or * would let any client name any address
        return proxies

    @property
    def pool_size(self) -> int:
        """Number of pictures that a process works on at a time."""
        # Two for each core: while one is decoded by another process, the other runs through the networks.
        return self.concurrency or 2 * usable_cores()

    def environment(self) -> dict[str, str]:
        """Environment variables from which a worker process reads these settings."""
        values = self.model_dump()
        values["tokens"] = ",".join(token.get_secret_value() for token in self.tokens)
        values["cors_origins"] = ",".join(self.cors_origins)
        values["more_models"] = ",".join(self.more_models)
        values["trusted_proxies"] = ",".join(self.trusted_proxies)
        given = {name: value for name, value in values.items() if value is not None and (name != "tokens" or value)}
        return {f"MIEN_{name.upper()}": str(value) for name, value in given.items()}


def read_settings(arguments: list[str] | None = None, **values: Any) -> ServiceSettings:
    """Settings from ``values``, command-line ``arguments``, the environment and the defaults, in this order.

    Raises:
        ConfigError: A value is out of range or of the wrong type; the message names the setting.
    """
    try:
        return ServiceSettings(_cli_parse_args=arguments, **values)  # type: ignore[call-arg]
    except ValidationError as err:
        first = err.errors()[0]
        name = ".".join(str(part) for part in first["loc"][:1])
        # Logs keep what is printed; a token must not be in it.
        given = "" if name == "tokens" else f" (given {first['input']!r})"
        raise ConfigError(f"{name}: {first['msg']}{given}", hint="mien serve --help lists the settings") from None

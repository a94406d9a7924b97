"""Schemas of the answers, for OpenAPI; a test compares them with the library's results.

They describe and do not convert: what is sent is what a result's ``to_dict`` gives.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from mien.expressions import Expression


class Schema(BaseModel):
    """An object without further fields."""

    model_config = ConfigDict(extra="forbid")


class BoxSchema(Schema):
    """Edges in pixels from the top left corner of the upright picture."""

    left: float
    top: float
    right: float
    bottom: float


class QualitySchema(Schema):
    """Measures of how well a face can be read; ``unreliable`` where one is beyond its limit."""

    size_px: float
    sharpness: float
    turn: float | None
    cut: float
    unreliable: bool


class FaceSchema(Schema):
    """One face; ``probabilities`` sum to one."""

    box: BoxSchema
    detector_score: float = Field(ge=0, le=1)
    expression: Expression | None = Field(description="Null where its probability is below min_confidence")
    probability: float = Field(ge=0, le=1)
    probabilities: dict[Expression, float]
    landmarks: dict[str, list[float] | None] | None = Field(
        None, description="Key points as [x, y] by name; null where the detector gives none"
    )
    roll_deg: float = Field(0.0, description="Roll of the face in degrees, clockwise")
    quality: QualitySchema | None = Field(None, description="How well the face shows")


class PictureSchema(Schema):
    """A picture that was read; ``faces`` are ordered from left to right and may be empty."""

    # "schema" is a method of pydantic's models, so the field has another name inside.
    schema_version: int = Field(alias="schema")
    source: str | None = Field(description="File name as the client gave it, without folders")
    width: int
    height: int
    faces: list[FaceSchema]


class FailedSchema(Schema):
    """A picture that could not be read, in a request with several."""

    schema_version: int = Field(alias="schema")
    source: str | None
    error: str


class PredictionSchema(Schema):
    """One result for each picture, in the order they were sent."""

    results: list[PictureSchema | FailedSchema]


class ProblemSchema(Schema):
    """Why a request failed: a short name for programs, what happened, and what to do."""

    error: str
    detail: str
    hint: str | None


class JobSchema(Schema):
    """The state of a video."""

    id: str = Field(description="Random; anyone who has it can fetch the results")
    name: str
    phase: Literal["uploading", "waiting", "running", "done", "failed", "canceled"]
    progress: float = Field(ge=0, le=1)
    created_s: float = Field(description="Seconds since 1970")
    attempts: int
    files: list[str] = Field(description="Names of the results; empty until all are complete")
    error: str | None
    options: str = Field(description="Options of the request as a query string; empty for the defaults")


class StatusSchema(Schema):
    """``ok``, or what is wrong."""

    status: str


class InputSchema(Schema):
    """The network's input tensor."""

    size: int
    channels: int
    low: float
    high: float


class VideoLimitsSchema(Schema):
    """Limits of videos."""

    max_video_bytes: int
    max_video_s: float = Field(description="Longest time that reading a video may take")
    keep_jobs_s: float = Field(description="How long results are kept after the upload, unless deleted")


class LimitsSchema(Schema):
    """Limits of requests."""

    formats: list[str] = Field(description="Formats of pictures, by content")
    max_body_bytes: int
    max_pixels: int
    max_images: int
    max_faces: int
    max_frame_bytes: int
    videos: VideoLimitsSchema | None = Field(description="Null where no videos are accepted")


class ModelSchema(Schema):
    """The model of the service, its metrics, and its permitted use."""

    name: str
    version: str
    sha256: str
    labels: list[Expression]
    input: InputSchema
    devices: list[str] = Field(description="What the networks run on, first choice first")
    detector: str
    detector_files: dict[str, str] = Field(description="SHA-256 of each file of the detector")
    models: list[str] = Field(description="Values of the parameter model; the first is the default")
    conventions: list[str] = Field(description="Values of the parameter labels")
    has_priors: bool = Field(description="Whether the parameter prior can be used")
    has_decision: bool = Field(description="Whether the model has a decision rule of its own")
    temperature: float
    metrics: dict[str, Any]
    license: str
    use_notice: str
    limits: LimitsSchema

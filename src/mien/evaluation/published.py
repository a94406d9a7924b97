"""Published results by protocol, which tables show beside ours.

A row is comparable only with a result of the same protocol on the test split.
"""

from dataclasses import dataclass
from typing import Final, Literal

#: Training data: this data set alone, pretraining on faces of other data sets, or none, since people were tested.
Trained = Literal["this data set", "faces first", "people"]


@dataclass(frozen=True, slots=True)
class PublishedResult:
    """One published result on the test split; None where the source gives no value.

    Attributes:
        protocol: Our name of the rule that the source followed.
        method: What was judged.
        reference: Authors and year.
        accuracy: In [0, 1].
        macro_f1: In [0, 1].
        misclassification: As printed, where the source prints it.
        spread: Standard deviation of the accuracy over runs.
        trained: The training data.
    """

    protocol: str
    method: str
    reference: str
    accuracy: float
    macro_f1: float | None = None
    misclassification: float | None = None
    spread: float | None = None
    trained: Trained = "this data set"


#: The always-neutral model of the capstone's report, on one draw of the test labels.
CAPSTONE_NAIVE: Final = PublishedResult(
    "drawn", "always neutral, one draw", "capstone report", accuracy=0.3263, macro_f1=0.0615, misclassification=0.67
)
#: The network of the capstone's report, on one draw of the test labels.
CAPSTONE_CNN: Final = PublishedResult(
    "drawn", "capstone CNN, one draw", "capstone report", accuracy=0.7176, macro_f1=0.4889
)

_BARSOUM = "Barsoum et al. 2016, table 1"
#: Every row, protocol by protocol.
PUBLISHED: Final = (
    CAPSTONE_NAIVE,
    CAPSTONE_CNN,
    PublishedResult("majority", "VGG13, drawn labels", _BARSOUM, 0.8499, spread=0.0037),
    PublishedResult("majority", "VGG13, soft labels", _BARSOUM, 0.8472, spread=0.0024),
    PublishedResult("majority", "VGG13, several labels", _BARSOUM, 0.8397),
    PublishedResult("majority", "VGG13, majority labels", _BARSOUM, 0.8385, spread=0.0063),
    PublishedResult("majority", "SHCNN", "Miao et al. 2019", 0.8654),
    PublishedResult("majority", "ResNet18 and VGG16 together", "Huang 2017", 0.874),
    PublishedResult("majority", "ESR-9", "Siqueira et al. 2020", 0.872, trained="faces first"),
    PublishedResult("majority", "RAN", "Wang et al. 2020", 0.886, trained="faces first"),
    PublishedResult("majority", "KTN", "Li et al. 2021", 0.905, trained="faces first"),
    PublishedResult("majority", "POSTER", "Zheng et al. 2023", 0.916, trained="faces first"),
    PublishedResult("fer2013", "people", "Goodfellow et al. 2013", 0.65, spread=0.05, trained="people"),
    PublishedResult("fer2013", "linear SVM loss, the challenge's winner", "Tang 2013", 0.712),
    PublishedResult("fer2013", "VGGNet, tuned", "Khaireddin and Chen 2021", 0.733),
    PublishedResult("fer2013", "ensemble of eight", "Pramerdorfer and Kampel 2016", 0.752),
)


def published_for(protocol: str) -> tuple[PublishedResult, ...]:
    """The rows that are comparable with a result of ``protocol``, by decreasing accuracy."""
    return tuple(sorted((row for row in PUBLISHED if row.protocol == protocol), key=lambda row: -row.accuracy))

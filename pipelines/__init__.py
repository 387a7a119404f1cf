"""One module = one deployable pipeline: options, build(), main()."""

import warnings

# First of all: it sets the size of polars' thread pool, which polars reads when it is imported.
import transforms  # noqa: F401

# Google's libraries, which Beam imports, say once each that Python 3.10 is near its end. Who runs a
# job learns nothing from it.
warnings.filterwarnings(
    "ignore", r"You are using a .*Python version", FutureWarning, r"google\.api_core\."
)

from pipelines.sampling import sample_often  # noqa: E402  (imports Beam, whose warnings come now)

sample_often()

"""One module = one deployable pipeline: options, build(), main()."""

# First of all: it sets the size of polars' thread pool, which polars reads when it is imported.
import transforms  # noqa: F401

"""What deploys the pipelines: Flex Templates of Dataflow, images, and how they are launched."""

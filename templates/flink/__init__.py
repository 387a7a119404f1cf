"""Flink on Kubernetes: its objects, its images, and what makes the job's jar in the cluster."""

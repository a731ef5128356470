"""Metrics: figures in the words of the business."""

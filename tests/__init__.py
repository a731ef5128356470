"""Sentences about the business."""

"""Exception detectors, cases, corrective actions, outbox and audit."""

"""The ground floor: records, events, fold, facts, store, settings, clock and errors."""

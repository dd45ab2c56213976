"""From a row to the host: queue, gate, runner, journal, reaper."""

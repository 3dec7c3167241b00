"""What every tseeder process needs: errors, settings, logging, telemetry, lifecycle, ids and clock."""

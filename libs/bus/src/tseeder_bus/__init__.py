"""The doorbell: ring and listen on core NATS."""

"""gRPC server, client, errors and identity."""

"""One file for each system outside: services by gRPC, progress by NATS, object bytes by HTTP."""

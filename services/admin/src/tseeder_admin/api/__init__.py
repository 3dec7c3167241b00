"""Transport: gRPC servicers, wire <-> domain."""

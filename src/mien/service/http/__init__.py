"""Between the network and the handlers: protocol, middleware, security, limits, uploads, errors."""

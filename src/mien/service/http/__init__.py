"""What stands between the network and the handlers: security, limits, uploads, errors, middleware."""

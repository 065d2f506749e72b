//! Opening listeners and accepting connections.

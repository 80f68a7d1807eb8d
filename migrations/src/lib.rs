//! The store's schema, as numbered steps.

"""Built under the architecture below; rewritten when the parts stand."""

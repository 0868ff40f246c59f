"""Candidate retrieval by inner products: vectors and the FAISS index."""

"""Training of encoders: next-token prediction, and contrastive learning on items that users interact with together."""

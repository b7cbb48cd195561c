"""From symbols to text: the model's equations as straight-line LLVM text and as plain Python."""

"""The model in symbols: one page per mechanism, joined and checked by `assembly`."""

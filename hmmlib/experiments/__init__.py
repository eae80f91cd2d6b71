"""The experiments of the book: each is a sweep of cells, a cell being a function of its arguments alone."""

"""Pure: what to fetch, in which order, what is whole, what a lease still allows."""

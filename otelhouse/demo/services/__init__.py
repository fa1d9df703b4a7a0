"""The shop's services, one a file: each has `routes(shop)`, its handlers by method and path."""

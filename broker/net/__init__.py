"""How frames travel: ROUTER and DEALER endpoints, discovery, and the clients."""

"""HubSpot's associations API: paths, bodies and answers (pure), the client and the push (I/O)."""

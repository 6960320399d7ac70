"""The pure core: rules over frames and values. Nothing here reads, writes, waits or tells the time."""

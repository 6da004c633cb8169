"""The border-post kiosk: domain, workflow, adapters and the command host."""

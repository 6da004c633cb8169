"""The one console command `shekara`; sub-commands come from the entry-point group `shekara.commands`."""

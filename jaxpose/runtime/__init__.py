"""What every command shares: errors, signals, devices, compiled programs, tables of text, the frame of a command."""
